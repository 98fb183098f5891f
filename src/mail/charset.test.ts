import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseSubject } from './base-subject.ts';
import { casemap } from './casemap.ts';
import { charsetDecoder, decodeCharset, knowsCharset } from './charset.ts';
import { htmlText } from './mime/html.ts';

describe('charset', () => {
  it.each([
    ['utf-8', [0xe3, 0x81, 0x82], 'あ'],
    ['ISO-2022-JP', [0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42], 'あ'],
    ['cp932', [0x87, 0x40], '①'],
    ['iso-8859-15', [0xa4], '€'],
    ['us-ascii', [0xe3, 0x81, 0x82], 'あ'],
    ['us-ascii', [0xe4], 'ä'],
    ['x-no-such-charset', [0xe4], 'ä'],
    ['utf-7', [...Buffer.from('+MEI-')], 'あ'],
    ['', [0xff, 0xfe], 'ÿþ'],
  ])('%s', (charset, octets, text) => {
    expect(decodeCharset(Uint8Array.from(octets), charset)).toBe(text);
    const decoder = charsetDecoder(charset);
    expect(octets.map((octet) => decoder.write(Uint8Array.of(octet))).join('') + decoder.end()).toBe(text);
  });

  it('knows what SEARCH may ask for', () => {
    expect(['UTF-8', 'us-ascii', 'ISO-2022-JP', 'koi8-r', 'gb18030', 'utf-7'].map(knowsCharset)).not.toContain(false);
    expect(['', 'x-unheard-of', '__proto__', 'constructor'].map(knowsCharset)).not.toContain(true);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.constantFrom('utf-8', 'iso-2022-jp', 'utf-7', 'utf-16', 'big5', 'hz-gb-2312', 'x'),
        (octets, charset) => {
          decodeCharset(octets, charset);
          const decoder = charsetDecoder(charset);
          decoder.write(octets);
          decoder.end();
        },
      ),
    );
  });
});

describe('casemap', () => {
  it.each([
    ['straße', 'STRASSE'],
    ['ＡＢＣ', 'abc'],
    ['ｶﾞ', 'ガ'],
    ['Å', 'å'],
    ['ПРИВЕТ', 'привет'],
  ])('%s is %s', (a, b) => {
    expect(casemap(a)).toBe(casemap(b));
  });

  it('changes nothing twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(casemap(casemap(text))).toBe(casemap(text));
      }),
    );
  });
});

describe('base subject', () => {
  it.each([
    ['Re: [list] hello', 'HELLO', true],
    ['FW:  Fwd : hello (fwd) (FWD)', 'HELLO', true],
    ['re [x]: hello', 'HELLO', true],
    ['[fwd: Re: hello]', 'HELLO', true],
    ['[list]', '[LIST]', false],
    ['[list] [other] hello', 'HELLO', false],
    ['Re:', '', true],
    ['Regards', 'REGARDS', false],
    ['', '', false],
  ])('of %j', (text, subject, isReplyOrForward) => {
    expect(baseSubject(text)).toEqual({ subject, isReplyOrForward });
  });
});

describe('text of HTML', () => {
  it.each([
    ['<p>a<br>b</p>', 'a b'],
    ['x<b>y</b>z', 'xyz'],
    ['<style>p{}</style>a<script>1<2</script>b', 'a b'],
    ['<!-- hidden -->a &lt;b&gt; &#x3042;&#12354;&bogus;', 'a <b> ああ&bogus;'],
    ['1 < 2 <3', '1 < 2 <3'],
    ['a<unclosed', 'a'],
    ['<title>t</title>body', 'body'],
  ])('%s', (html, text) => {
    expect(htmlText(html).replace(/\s+/g, ' ').trim()).toBe(text);
  });
});

describe('a decoder that takes text in pieces', () => {
  const whole = (octets: readonly number[], charset: string): string => decodeCharset(Uint8Array.from(octets), charset);

  it.each([
    ['gb18030', [[161, 48, 129], [143], [48, 48, 254], [129, 161]]],
    ['gbk', [[128, 254, 48], [48], [161, 40, 255]]],
    ['euc-jp', [[40, 255, 129], [40, 143, 254], [40], [161, 40, 161], [128, 57, 66]]],
    ['iso-2022-jp', [[40, 255], [27, 40], [57], [161, 36, 48]]],
  ] as const)('takes broken %s for what it is as a whole', (charset, pieces) => {
    const decoder = charsetDecoder(charset);
    const text = pieces.map((piece) => decoder.write(Uint8Array.from(piece))).join('') + decoder.end();
    expect(text).toBe(whole(pieces.flat(), charset));
  });

  it('holds back no more than a line, and no line without end', () => {
    const decoder = charsetDecoder('gb18030');
    const line = Buffer.from('\xc4\xe3\xba\xc3\n', 'latin1');
    expect(decoder.write(line.subarray(0, 3))).toBe('');
    expect(decoder.write(line.subarray(3))).toBe('你好\n');
    expect(decoder.write(Buffer.alloc(70_000, 0x61))).toHaveLength(70_000);
    expect(decoder.end()).toBe('');
  });
});
