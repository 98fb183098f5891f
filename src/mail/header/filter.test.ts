import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitHeader } from './fields.ts';
import { headerFilter } from './filter.ts';

const header = 'From: a\nSubject: one\n two\nnonsense\nX-Foo : b\nfrom: c\n\nFrom: body\n';

describe('header filter', () => {
  it.each([
    [header, ['from'], false, 'From: a\r\nfrom: c\r\n\r\n'],
    [header, ['SUBJECT', 'x-foo'], false, 'Subject: one\r\n two\r\nX-Foo : b\r\n\r\n'],
    [header, ['none'], false, '\r\n'],
    [header, ['from', 'x-foo'], true, 'Subject: one\r\n two\r\nnonsense\r\n\r\n'],
    [header.replaceAll('\n', '\r\n'), ['from'], false, 'From: a\r\nfrom: c\r\n\r\n'],
    ['From: a', ['from'], false, 'From: a\r\n\r\n'],
    ['\nFrom: body\n', ['x'], true, '\r\n'],
    ['', ['x'], true, '\r\n'],
  ])('of %j picks %j', (text, names, not, expected) => {
    expect(headerFilter(names, not)(Buffer.from(text))).toBe(expected);
  });

  it('parts a header in two without loss', () => {
    const field = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'x\n y', '')).map(([name, body]) => `${name}: ${body}\n`);
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const text = `${fields.join('')}\nbody`;
        const parts = [false, true].map((not) => headerFilter(['a'], not)(Buffer.from(text)));
        expect(parts.map((part) => splitHeader(part).length).reduce((a, b) => a + b)).toBe(fields.length);
        expect(parts[0]!.length + parts[1]!.length).toBe(fields.join('').replaceAll('\n', '\r\n').length + 4);
      }),
    );
  });
});
