import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Share of a look's time that the loop may have been busy. */
const quiet = 0.05;
/** Octets that V8 holds and does not use, for which a collection is worth its while. */
const worthwhile = 6 << 20;
/** Octets in use up to which one is short: some 4 ms for each million. */
const largest = 32 << 20;
/** Milliseconds between two collections. */
const pause = 5_000;

/**
 * Has V8 give back what a wave of work left it with. It grows the space for new objects to tens of megabytes while it is busy, and
 * shrinks it only when it collects; but a worker whose clients are all in IDLE allocates nothing, and so nothing is collected.
 * Done when the loop was quiet in two looks one after the other, `interval` milliseconds each. @returns stops it
 */
export function collectWhenIdle(interval = 750): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  // The code of Node's own modules lies in its program compiled, for the flags it began with: threads that start later would compile it anew.
  setFlagsFromString('--no-expose-gc');
  let before = performance.eventLoopUtilization();
  let looks = 0;
  let last = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    looks = performance.eventLoopUtilization(now, before).utilization <= quiet ? looks + 1 : 0;
    before = now;
    if (looks < 2 || performance.now() - last < pause) return;
    const { total_heap_size: held, used_heap_size: used } = getHeapStatistics();
    if (held - used < worthwhile || used > largest) return;
    // The only one that shrinks the space for new objects.
    collect({ type: 'major', flavor: 'last-resort' });
    last = performance.now();
  }, interval).unref();
  return () => clearInterval(timer);
}
