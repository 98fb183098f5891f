import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uidRanges } from './uid-batches.ts';

const all = Number.MAX_SAFE_INTEGER;

describe('uidRanges', () => {
  const uids = Uint32Array.of(4, 7, 8, 20, 30, 31, 50);

  it.each([
    ['the last one with what is left', 3, 1, all, ['50:30', '29:7', '6:1']],
    ['some in the middle', 3, 2, 2, ['29:7']],
    ['the last alone', 3, 3, 9, ['6:1']],
    ['none that are not there', 3, 4, 9, []],
    ['one for all', 7, 1, all, ['50:1']],
    ['no more than there are', 1000, 1, all, ['50:1']],
  ])('gives %s', (_, size, from, to, ranges) => {
    expect(uidRanges(uids, size, from, to)).toEqual(ranges);
  });

  it('has every UID in one range, and no more messages in one than asked for', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1 }), fc.integer({ min: 1, max: 40 }), (some, size) => {
        const sorted = Uint32Array.from(some).sort();
        const ranges = uidRanges(sorted, size, 1, all).map((range) => range.split(':').map(Number) as [number, number]);
        let next = sorted.at(-1)!;
        for (const [high, low] of ranges) {
          expect(high).toBe(next);
          expect(sorted.filter((uid) => uid >= low && uid <= high).length).toBeLessThanOrEqual(size);
          next = low - 1;
        }
        expect(next).toBe(0);
      }),
    );
  });
});
