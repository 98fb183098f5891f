import { expect, test } from 'vitest';
import { surplus } from './surplus.ts';

const used = (count: number, at: (n: number) => number) => Array.from({ length: count }, (_, n) => ({ used: at(n), busy: false }));
const close = (open: readonly { readonly used: number; readonly busy: boolean }[], most: number, now: number) =>
  surplus(open.length, () => open, most, now);

test('a few stay open however long they rest', () => {
  expect(
    close(
      used(64, () => 0),
      256,
      100_000,
    ),
  ).toEqual([]);
});

test('beyond a few, those that rest are closed, the oldest first', () => {
  const open = used(70, (n) => (n < 67 ? 69 - n : 5000));
  expect(close(open, 256, 5500).map((one) => one.used)).toEqual([3, 4, 5, 6, 7, 8]);
});

test('what is in use stays open up to the most there may be', () => {
  const open = used(200, (n) => 9500 + n);
  expect(close(open, 256, 10_000)).toEqual([]);
  expect(close(open, 190, 10_000).map((one) => one.used)).toEqual(Array.from({ length: 10 }, (_, n) => 9500 + n));
});

test('fewer than a few, where there is room for fewer only', () => {
  expect(
    close(
      used(9, (n) => n),
      8,
      0,
    ).map((one) => one.used),
  ).toEqual([0]);
});

test('what has work left stays, as long as there is room', () => {
  const open = used(70, () => 0).map((one, n) => ({ ...one, used: n, busy: n < 4 }));
  expect(close(open, 256, 9000).map((one) => one.used)).toEqual([4, 5]);
  expect(close(open, 68, 9000).map((one) => one.used)).toEqual([0, 1, 4, 5]);
});
