import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import { mallocTrim } from './malloc-trim.ts';

/** Share of a look's time that the loop may have been busy. */
const quiet = 0.02;
/** Octets that V8 holds more than after the last one, for which a collection is worth its while. */
const worthwhile = 3 << 20;
/** Octets in use up to which one is short: some 4 ms for each million. */
const largest = 32 << 20;
/** Milliseconds between two collections, and between two looks at what malloc has free. */
const pause = 15_000;
/** Looks of rest before one: the main thread's holds the loop for 25 to 45 ms, and who was just here may well come back. */
const restful = isMainThread ? 6 : 2;
/** Looks of rest after which other threads have collected, too; those that are not needed have ended; indexes that rest are closed. */
const trimAfter: ReadonlySet<number> = new Set([8, 28, 128]);

/**
 * Has V8 give back what a wave of work left this thread with. It grows the space for new objects while it is busy, and shrinks it only
 * when it collects; but a thread without work allocates nothing, and so nothing is collected.
 * Done when the loop was quiet in some looks one after the other, `interval` milliseconds each; a little later the main thread has malloc
 * do the same for all of them. @returns stops it
 */
export function collectWhenIdle(interval = 750): () => void {
  let before = performance.eventLoopUtilization();
  let looks = 0;
  let collected = Number.NEGATIVE_INFINITY;
  let trimmed = Number.NEGATIVE_INFINITY;
  /** What V8 held after the last one. */
  let kept = 0;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    looks = performance.eventLoopUtilization(now, before).utilization <= quiet ? looks + 1 : 0;
    before = now;
    if (looks < restful) return;
    if (performance.now() - collected >= pause && isWorthwhile(kept) && collect()) {
      kept = getHeapStatistics().total_heap_size;
      collected = performance.now();
    }
    if (isMainThread && trimAfter.has(looks) && performance.now() - trimmed >= pause) {
      mallocTrim();
      trimmed = performance.now();
    }
  }, interval).unref();
  return () => clearInterval(timer);
}

function isWorthwhile(kept: number): boolean {
  const { total_heap_size: held, used_heap_size: used } = getHeapStatistics();
  return held - kept >= worthwhile && used <= largest;
}

/** @returns false when another thread was doing the same, which takes this one's means away */
function collect(): boolean {
  setFlagsFromString('--expose-gc');
  // Flags are the process's, not the thread's.
  const gc = runInNewContext('globalThis.gc') as NodeJS.GCFunction | undefined;
  // The code of Node's own modules lies in its program compiled, for the flags it began with: threads that start later would compile it anew.
  setFlagsFromString('--no-expose-gc');
  // The only one that shrinks the space for new objects.
  gc?.({ type: 'major', flavor: 'last-resort' });
  return gc !== undefined;
}
