import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDate, parseDate } from './date.ts';

describe('date', () => {
  it.each([
    ['Sat, 01 Feb 2007 01:02:03 +0200', '2007-01-31T23:02:03Z', '2007-02-01'],
    ['1 Feb 2007 01:02 -0330', '2007-02-01T04:32:00Z', '2007-02-01'],
    ['Fri, 21 Nov 97 09(comment):   55  :  06 -0600', '1997-11-21T15:55:06Z', '1997-11-21'],
    ['Thu, 13 Feb 69 23:32 EST', '1970-02-14T04:32:00Z'.replace('1970', '1969'), '1969-02-13'],
    ['1 Jan 100 00:00:00 GMT', '2000-01-01T00:00:00Z', '2000-01-01'],
    ['Mon,  2 Mar 2020 10:00:00 +0000 (UTC)', '2020-03-02T10:00:00Z', '2020-03-02'],
    ['Sat Feb  1 01:02:03 2007', '2007-02-01T01:02:03Z', '2007-02-01'],
    ['1-Feb-2007 01:02:03 +0200', '2007-01-31T23:02:03Z', '2007-02-01'],
    ['29 Feb 2000 23:59:60 Z', '2000-02-29T23:59:59Z', '2000-02-29'],
    ['1 Jan 0050 00:00:00 +0000', '0050-01-01T00:00:00Z', '0050-01-01'],
  ])('reads %s', (text, time, day) => {
    const date = parseDate(text);
    expect(new Date(date!.time).toISOString()).toBe(new Date(time).toISOString());
    expect(date!.day).toBe(Date.parse(day) / 86_400_000);
  });

  it.each(['', 'yesterday', '32 Jan 2000 00:00:00 +0000', '1 Foo 2000 00:00:00 +0000', '1 Jan 2000 25:00:00 +0000', 'x'.repeat(600)])(
    'refuses %j',
    (text) => {
      expect(parseDate(text)).toBeNull();
    },
  );

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e9 }), fc.integer({ min: -840, max: 840 }), (seconds, offset) => {
        expect(parseDate(formatDate(seconds * 1000, offset))?.time).toBe(seconds * 1000);
      }),
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('1', '20', '2007', 'Jan', ' ', ':', ',', '+0100', '(', ')', '\\', '-'), { maxLength: 30 }),
        (pieces) => {
          parseDate(pieces.join(''));
        },
      ),
    );
  });
});
