import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../base/slices.ts';
import { onlyNumber, sortedPlaces } from './sort-numbers.ts';

const places = (values: readonly number[], reverse = false): number[] =>
  Array.from(atOnce(sortedPlaces(Float64Array.from(values), reverse)));

describe('sortedPlaces', () => {
  it('orders as a comparison does, equal ones as they lie', () => {
    const value = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: -(2 ** 42), max: 2 ** 52 - 1 }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 300 }), fc.boolean(), (values, reverse) => {
        const sign = reverse ? -1 : 1;
        const expected = values.map((_, n) => n).sort((a, b) => sign * (values[a]! - values[b]!) || a - b);
        expect(places(values, reverse)).toEqual(expected);
      }),
    );
  });

  it('takes several rounds where values are far apart and many', () => {
    const values = Array.from({ length: 5000 }, (_, n) => ((n * 7919) % 5000) * 1_000_000_007_000 + (n % 3));
    const expected = values.map((_, n) => n).sort((a, b) => values[b]! - values[a]! || a - b);
    expect(places(values, true)).toEqual(expected);
  });

  it('has nothing to do with none, one, or all the same', () => {
    expect(places([])).toEqual([]);
    expect(places([7])).toEqual([0]);
    expect(places([3, 3, 3], true)).toEqual([0, 1, 2]);
  });
});

describe('onlyNumber', () => {
  it('is for one key without text', () => {
    expect(onlyNumber([{ key: 'date', reverse: true }])).toEqual({ key: 'date', reverse: true });
    expect(onlyNumber([{ key: 'subject', reverse: false }])).toBeNull();
    expect(onlyNumber([{ key: 'relevancy', reverse: false }])).toBeNull();
    expect(
      onlyNumber([
        { key: 'date', reverse: false },
        { key: 'size', reverse: false },
      ]),
    ).toBeNull();
  });
});
