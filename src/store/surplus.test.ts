import { expect, test } from 'vitest';
import { surplus } from './surplus.ts';

const used = (count: number, at: (n: number) => number) => Array.from({ length: count }, (_, n) => ({ used: at(n), busy: false }));

test('a few stay open for a minute, and longer while they have work left', () => {
  const open = used(64, (n) => n).map((one, n) => ({ ...one, busy: n === 1 }));
  expect(surplus(open, 256, 59_999)).toEqual([]);
  expect(surplus(open, 256, 60_002).map((one) => one.used)).toEqual([0, 2]);
});

test('beyond a few, those that rest are closed, the oldest first', () => {
  const open = used(70, (n) => (n < 67 ? 69 - n : 5000));
  expect(surplus(open, 256, 5500).map((one) => one.used)).toEqual([3, 4, 5, 6, 7, 8]);
});

test('what is in use stays open up to the most there may be', () => {
  const open = used(200, (n) => 9500 + n);
  expect(surplus(open, 256, 10_000)).toEqual([]);
  expect(surplus(open, 190, 10_000).map((one) => one.used)).toEqual(Array.from({ length: 10 }, (_, n) => 9500 + n));
});

test('fewer than a few, where there is room for fewer only', () => {
  expect(
    surplus(
      used(9, (n) => n),
      8,
      0,
    ).map((one) => one.used),
  ).toEqual([0]);
});

test('what has work left stays, as long as there is room', () => {
  const open = used(70, () => 0).map((one, n) => ({ ...one, used: n, busy: n < 4 }));
  expect(surplus(open, 256, 9000).map((one) => one.used)).toEqual([4, 5]);
  expect(surplus(open, 68, 9000).map((one) => one.used)).toEqual([0, 1, 4, 5]);
});
