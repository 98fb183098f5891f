import { describe, expect, it } from 'vitest';
import { growthTable, isFlat, slopeOf, slopes } from './growth.ts';

const growth = (...cpu: number[]) => ({ work: 'SELECT', cpu, clock: cpu.map((cost) => cost * 10) });

describe('growth', () => {
  it('is told by the CPU at the smallest size', () => {
    expect(slopes(growth(2, 3, 8))).toEqual([1, 1.5, 4]);
  });

  it('is flat within a third as much again, and where nobody would notice', () => {
    expect(isFlat(growth(2, 2.2, 2.6))).toBe(true);
    expect(isFlat(growth(2, 2.7, 2))).toBe(false);
    expect(isFlat(growth(2, 2, 2.7))).toBe(false);
    expect(isFlat(growth(0.01, 0.05, 0.1), 0.1)).toBe(true);
  });

  it('makes a table', () => {
    expect(
      growthTable(['100', '1,000'], [growth(2, 9)])
        .split('\n')
        .at(-1),
    ).toBe('| SELECT | 2.00 | 9.00 | 4.50 | 20.0 · 90.0 | GROWS |');
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
