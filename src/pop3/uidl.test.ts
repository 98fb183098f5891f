import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../base/slices.ts';
import { uidlFormat } from './grammar/uidl-format.ts';
import { uidlFormatOf, uidls } from './uidl.ts';

const facts = { uid: 0x1a2b, uidValidity: 0x5f3e_9d01, guid: '1700000000.M1P2.host', fileName: '1700000000.M1P2.host,S=12,W=13' };

describe('uidlFormat', () => {
  it.each([
    ['%08Xu%08Xv', '00001a2b5f3e9d01'],
    ['%u', '6699'],
    ['%v.%u', '1597938945.6699'],
    ['%v-%u', '1597938945-6699'],
    ['%Xu', '1a2b'],
    ['%UXu', '1A2B'],
    ['%f', '1700000000.M1P2.host,S=12,W=13'],
    ['%g', '1700000000.M1P2.host'],
    ['%10g', '1700000000'],
    ['UID%u-%%', 'UID6699-%'],
    ['%{uid | hex(8)}%{uidvalidity | hex(8)}', '00001a2b5f3e9d01'],
    ['%{uidvalidity}.%{uid}', '1597938945.6699'],
    ['%{guid | upper}', '1700000000.M1P2.HOST'],
  ])('%s gives %s', (format, id) => {
    expect(uidlFormat(format)(facts)).toBe(id);
  });

  it.each(['%x%u', '%{nothing}', '%{uid | rot13}', 'same', '%v', '%u%', ''])('refuses %j', (format) => {
    expect(() => uidlFormat(format)).toThrow(RangeError);
  });

  it('never throws but RangeError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc
            .array(fc.constantFrom('%', '{', '}', 'u', 'v', '8', '0', 'X', '|', 'hex(8)', 'uid', '__proto__'))
            .map((parts) => parts.join('')),
        ),
        (format) => {
          try {
            uidlFormat(format)(facts);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
    );
  });
});

describe('uidls', () => {
  it('takes the stable part of the file name by default', () => {
    expect(atOnce(uidls(null, [{ ...facts }]))).toEqual(['1700000000.M1P2.host']);
    expect(uidlFormatOf('')).toBeNull();
  });

  it('are unique, printable and at most 70 long', () => {
    const name = fc.oneof(fc.constantFrom('a', 'a,S=1', 'b b', 'ü', ''), fc.string({ maxLength: 100 }));
    fc.assert(
      fc.property(fc.array(name), (names) => {
        const ids = atOnce(
          uidls(
            null,
            names.map((fileName, i) => ({ uid: i + 1, uidValidity: 1, fileName })),
          ),
        );
        expect(new Set(ids).size).toBe(names.length);
        for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{1,70}$/);
      }),
    );
  });
});
