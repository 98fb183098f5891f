import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type LoopDelay, watchLoopDelay } from './loop-delay.ts';

let delay: LoopDelay;
afterEach(() => delay.stop());

/** Holds the loop. Milliseconds. */
function hold(time: number): void {
  for (const until = performance.now() + time; performance.now() < until; );
}

it('notes a turn that is long at once, and tells of it until it is reset', async () => {
  delay = watchLoopDelay();
  await sleep(5);
  hold(60);
  await sleep(5);
  expect(delay.max()).toBeGreaterThan(0.055);
  expect(delay.max()).toBeGreaterThan(0.055);
  delay.reset();
  expect(delay.max()).toBe(0);
});

it('samples while the loop has work, and not at rest', async () => {
  // Other tests want the processor as well, and a loop that waits for it counts as busy.
  delay = watchLoopDelay(100, 0.5);
  const atRest = async (): Promise<number> => {
    delay.reset();
    await sleep(250);
    return delay.p99();
  };
  await expect.poll(atRest, { timeout: 5000 }).toBe(0);
  for (let turn = 0; turn < 20; turn++) {
    hold(15);
    await sleep(1);
  }
  // Also when that is over. The timer of the samples is due in the middle of each turn.
  expect(delay.p99()).toBeGreaterThan(0.004);
  await sleep(250);
  expect(delay.p99()).toBeGreaterThan(0.004);
  await expect.poll(atRest, { timeout: 5000 }).toBe(0);
});

it('counts who comes while the loop is held, and not the time between two samples', async () => {
  delay = watchLoopDelay(20, 0);
  const waitOf = async (held: number): Promise<number> => {
    await sleep(60);
    delay.reset();
    // The first sample begins now.
    await sleep(25);
    // One turn in forty, a third of the time.
    hold(held);
    for (let turn = 0; turn < 39; turn++) await sleep(1);
    return delay.p99();
  };
  // Other tests want the processor as well.
  await expect.poll(() => waitOf(0), { timeout: 5000 }).toBeLessThan(0.01);
  expect(await waitOf(60)).toBeGreaterThan(0.045);
});
