import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentDisposition, contentType, paramText } from './params.ts';

describe('parameters', () => {
  it.each([
    ['text/plain; charset=utf-8', 'text', 'plain', [['charset', 'utf-8']]],
    ['TEXT/HTML ; Charset="us-ascii" (comment)', 'text', 'html', [['charset', 'us-ascii']]],
    ['multipart/mixed; boundary="a;b\\"c"', 'multipart', 'mixed', [['boundary', 'a;b"c']]],
    ['multipart/mixed; boundary=----=_Part_1', 'multipart', 'mixed', [['boundary', '----=_Part_1']]],
    [
      "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20; title*1*=%2A%2A%2Afun; title*2=\"isn't 5%\"",
      'application',
      'x-stuff',
      [['title*', "us-ascii'en'This%20is%20even%20%2A%2A%2Afunisn't 5%25"]],
    ],
    ['a/b; n*1=two; n*0=one', 'a', 'b', [['n', 'onetwo']]],
    ['a/b; ; =x; y; z=1', 'a', 'b', [['z', '1']]],
    ['a/b; name==?utf-8?B?w6Q=?=', 'a', 'b', [['name', '=?utf-8?B?w6Q=?=']]],
  ])('of %s', (text, type, subtype, params) => {
    expect(contentType(text)).toEqual({ type, subtype, params });
  });

  it.each(['', 'text', '/', 'text/', ';', '"'])('refuses %j', (text) => {
    expect(contentType(text)).toBeNull();
  });

  it.each([
    ["attachment; filename*=iso-2022-jp''%1B%24B%25F%259%25H%1B%28B.txt", 'テスト.txt'],
    ["attachment; filename*0*=utf-8''%E3%81; filename*1*=%82.txt", 'あ.txt'],
    ['attachment; filename="=?utf-8?B?44GC?=.txt"', 'あ.txt'],
    ['attachment; filename="\xe3\x81\x82.txt"', 'あ.txt'],
    ['attachment; filename=a b.txt', 'a'],
  ])('name in %s', (text, name) => {
    expect(paramText(contentDisposition(text)!.params, 'filename')).toBe(name);
  });

  it('never throws', () => {
    const piece = fc.constantFrom('a', '/', ';', '=', '*', '0', '"', "'", '%', '\\', '(', ')', ' ', '\xff');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const found = contentType(`a/b;${pieces.join('')}`);
        for (const [name] of found?.params ?? []) paramText(found!.params, name.replace(/\*$/, ''));
      }),
    );
  });
});
