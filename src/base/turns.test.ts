import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

/** Sessions that wait to go on. */
function sessions(count: number): { readonly done: number[]; readonly resolvers: (() => void)[] } {
  const done: number[] = [];
  const resolvers: (() => void)[] = [];
  for (let n = 0; n < count; n++) void new Promise<void>((resolve) => resolvers.push(resolve)).then(() => done.push(n));
  return { done, resolvers };
}
const inOrder = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

it('lets one that is alone go on at once, every time', async () => {
  const turns = new Turns();
  const { done, resolvers } = sessions(40);
  for (const [n, resolve] of resolvers.entries()) {
    turns.take(resolve);
    await Promise.resolve();
    expect(done).toEqual(inOrder(n + 1));
    await turn();
  }
});

it('lets some of many go on in each turn, in order, and who comes later after them', async () => {
  const turns = new Turns();
  const { done, resolvers } = sessions(100);
  for (const resolve of resolvers.slice(0, 80)) turns.take(resolve);
  const begun: number[] = [];
  for (let n = 0; done.length < 100; n++) {
    const before = done.length;
    await turn();
    begun.push(done.length - before);
    if (n === 0) for (const resolve of resolvers.slice(80)) turns.take(resolve);
  }
  expect(done).toEqual(inOrder(100));
  // The first ones at once, and the next in the same turn, after all sockets.
  expect(Math.max(...begun)).toBeLessThanOrEqual(32);
  expect(begun.length).toBeGreaterThan(3);
});
