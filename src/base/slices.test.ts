import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce, inSlices, type Sliced, sliceSort } from './slices.ts';

describe('sliceSort', () => {
  it('sorts as sort does, equal ones in their order', () => {
    const items = fc.array(fc.record({ key: fc.nat(20), at: fc.nat() }), { maxLength: 3000, size: 'max' });
    fc.assert(
      fc.property(items, (list) => {
        const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key;
        expect(atOnce(sliceSort(list, compare))).toEqual([...list].sort(compare));
      }),
      { numRuns: 30 },
    );
  });

  it('compares a bounded number between two yields', () => {
    let compared = 0;
    let most = 0;
    const list = Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 50_021);
    const work = sliceSort(list, (a, b) => {
      compared++;
      return a - b;
    });
    for (let step = work.next(); step.done !== true; step = work.next()) {
      most = Math.max(most, compared);
      compared = 0;
    }
    expect(most).toBeLessThan(10_000);
  });
});

describe('inSlices', () => {
  it('lets others have a turn and gives the result', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    function* work(): Sliced<number> {
      // On a busy machine sixty milliseconds may be one turn.
      const patience = performance.now() + 5000;
      while (turns < 2 && performance.now() < patience) yield;
      return 7;
    }
    expect(await inSlices(work())).toBe(7);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});
