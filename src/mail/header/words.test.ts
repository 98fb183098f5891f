import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWords, encodeWords } from './words.ts';

describe('encoded words', () => {
  it.each([
    ['plain', 'plain'],
    ['=?iso-8859-1?q?this=20is=20some=20text?=', 'this is some text'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a?=  \n =?utf-8?B?Yg==?= c', 'ab c'],
    ['=?ISO-8859-1?Q?a?= b', 'a b'],
    ['=?ISO-8859-1?Q?a_b?=', 'a b'],
    ['=?iso-2022-jp?B?GyRCTCQ+NUJ6OS05cBsoQg==?=', '未承諾広告'],
    ['=?iso-2022-jp?B?GyRCTCQ+NUJ6OS05cBsoQg==?= =?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=', '未承諾広告テスト'],
    ['=?shift_jis?B?g2WDWINn?=', 'テスト'],
    ['=?euc-jp?B?pcaluaXI?=', 'テスト'],
    ['=?koi8-r?B?8NLJ18XU?=', 'Привет'],
    ['=?gb18030?B?xOO6ww==?=', '你好'],
    ['=?utf-7?Q?Hi_Mom_+Jjo-!?=', 'Hi Mom ☺!'],
    // A character split between two words.
    ['=?utf-8?B?44E=?= =?utf-8?B?gg==?=', 'あ'],
    ['=?utf-8*en?q?x?=', 'x'],
    ['=?utf-8?q?=4', '=?utf-8?q?=4'],
    ['=?utf-8?x?abc?=', '=?utf-8?x?abc?='],
    ['=?nonsense?q?a=E4?=', 'aä'],
    ['=?utf-8?q?a=ZZ?=', 'a=ZZ'],
    ['Gr\xfc\xdfe', 'Grüße'],
    ['Gr\xc3\xbc\xc3\x9fe', 'Grüße'],
  ])('decodes %j', (encoded, text) => {
    expect(decodeWords(encoded)).toBe(text);
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 120 }), (text) => {
        const encoded = encodeWords(text);
        for (const word of encoded.split('\r\n ')) if (word !== text) expect(word.length).toBeLessThanOrEqual(75);
        expect(decodeWords(encoded)).toBe(text);
      }),
    );
  });

  it('never throws', () => {
    const piece = fc.constantFrom('=?', '?=', '?', 'q', 'b', 'utf-8', '=', ' ', '\n ', 'A', '\xff', '_');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        decodeWords(pieces.join(''));
      }),
    );
  });

  it('takes time in proportion to its length', () => {
    decodeWords('=?utf-8?q?'.repeat(100_000));
    decodeWords('=?'.repeat(500_000));
    decodeWords('=?utf-8?q?a?= '.repeat(50_000));
  });
});
