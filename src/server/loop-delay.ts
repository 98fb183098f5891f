import { type Histogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Share of its time that a loop at rest may be busy. */
const restful = 0.02;
/** Milliseconds between two samples. */
const resolution = 10;
/** The same in nanoseconds, as samples are. */
const step = resolution * 1e6;
/** Nanoseconds that one sample may tell of: after a machine that slept. */
const longest = 60e9;

export interface LoopDelay {
  /** Seconds of the longest turn. */
  max(): number;
  /** Seconds that the 99th of a hundred clients who come at any moment waits for its turn, in the worst stretch of work; 0 when there was none. */
  p99(): number;
  reset(): void;
  stop(): void;
}

/**
 * What the 99th of a hundred clients waited who came every ten milliseconds, in nanoseconds: of samples, each the time since the one
 * before. Those that came while the loop was held count, too: a timer alone sees one turn of 50 ms among ten short ones, where most
 * of the time is spent in it.
 */
function waitOf({ percentiles }: Pick<Histogram, 'percentiles'>): number {
  const clients: (readonly [wait: number, share: number])[] = [];
  let before = 0;
  let all = 0;
  for (const [percentile, sample] of percentiles) {
    const share = percentile - before;
    before = percentile;
    let wait = Math.min(longest, sample) - step;
    do {
      clients.push([Math.max(0, wait), share]);
      all += share;
      wait -= step;
    } while (wait > 0);
  }
  let worse = 0;
  for (const [wait, share] of clients.sort(([a], [b]) => b - a)) {
    worse += share;
    if (worse >= all / 100) return wait;
  }
  return 0;
}

/**
 * How long the event loop is held, since the last reset. Every turn counts for the longest. The timer of the samples wakes a worker
 * at rest a hundred times a second, so it runs only while the loop has work, to be looked at every `interval` milliseconds.
 */
export function watchLoopDelay(interval = 500, quiet = restful): LoopDelay {
  const turns = monitorEventLoopDelay({ samplePerIteration: true });
  turns.enable();
  const samples = monitorEventLoopDelay({ resolution });
  const percentile = (): number => (samples.count === 0 ? 0 : waitOf(samples));
  let isSampling = false;
  /** Of stretches of work that are over, the worst. */
  let worst = 0;
  let before = performance.eventLoopUtilization();
  const looks = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const hasWork = performance.eventLoopUtilization(now, before).utilization > quiet;
    before = now;
    if (hasWork === isSampling) return;
    isSampling = hasWork;
    if (isSampling) samples.enable();
    else {
      samples.disable();
      worst = Math.max(worst, percentile());
    }
    // Else the pause would be the first sample.
    samples.reset();
  }, interval).unref();
  return {
    max: () => (turns.count === 0 ? 0 : turns.max / 1e9),
    p99: () => Math.max(worst, percentile()) / 1e9,
    reset() {
      turns.reset();
      samples.reset();
      worst = 0;
    },
    stop() {
      turns.disable();
      samples.disable();
      clearInterval(looks);
    },
  };
}
