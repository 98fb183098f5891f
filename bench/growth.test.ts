import { describe, expect, it } from 'vitest';
import { growthTable, isFlat, slopeOf, slopes } from './growth.ts';

const growth = (...costs: number[]) => ({ work: 'SELECT', unit: 'ms' as const, costs });

describe('growth', () => {
  it('is told by the cost at the smallest size', () => {
    expect(slopes(growth(2, 3, 8))).toEqual([1, 1.5, 4]);
  });

  it('is flat within half as much again for each tenfold size, and where nobody would notice', () => {
    expect(isFlat(growth(2, 3, 4.5))).toBe(true);
    expect(isFlat(growth(2, 3.1, 4))).toBe(false);
    expect(isFlat(growth(2, 2, 4.6))).toBe(false);
    expect(isFlat(growth(0.1, 0.4, 0.9), 1)).toBe(true);
  });

  it('makes a table', () => {
    expect(
      growthTable(['100', '1,000'], [growth(2, 9)])
        .split('\n')
        .at(-1),
    ).toBe('| SELECT | ms | 2.00 | 9.00 | 4.50 | GROWS |');
  });
});

describe('slope in time', () => {
  it('is that of the line nearest to all points', () => {
    expect(
      slopeOf([
        { at: 0, value: 5 },
        { at: 1, value: 7 },
        { at: 2, value: 9 },
      ]),
    ).toBe(2);
    expect(
      slopeOf([
        { at: 0, value: 5 },
        { at: 1, value: 9 },
        { at: 2, value: 5 },
      ]),
    ).toBe(0);
    expect(slopeOf([{ at: 3, value: 5 }])).toBe(0);
  });
});
