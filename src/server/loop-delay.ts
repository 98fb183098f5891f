import { createHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Share of its time that a loop at rest may be busy. */
const restful = 0.02;
/** Milliseconds between two samples. */
const step = 5;
/** Milliseconds of which one sample may tell: after a machine that slept. */
const longest = 60_000;

export interface LoopDelay {
  /** Seconds of the longest turn. */
  max(): number;
  /** Seconds that the 99th of a hundred clients who come at any moment waits for its turn, in the worst stretch of work; 0 when there was none. */
  p99(): number;
  reset(): void;
  stop(): void;
}

/**
 * How long clients who come every few milliseconds would have waited: those that came while the loop was held are counted, too, as a
 * timer alone would see one turn of 50 ms among ten of one, where most of the time is spent in it.
 */
function sampler() {
  const samples = createHistogram();
  let timer: NodeJS.Timeout | undefined;
  let before = 0;
  const look = (): void => {
    const now = performance.now();
    for (let late = Math.min(longest, now - before - step); ; late -= step) {
      samples.record(Math.max(1, Math.round(late * 1e6)));
      if (late <= step) break;
    }
    before = now;
  };
  return {
    samples,
    start(): void {
      before = performance.now();
      timer = setInterval(look, step).unref();
    },
    stop(): void {
      clearInterval(timer);
    },
  };
}

/**
 * How long the event loop is held, since the last reset. Every turn counts for the longest. The timer of the samples wakes a worker
 * at rest two hundred times a second, so it runs only while the loop has work, to be looked at every `interval` milliseconds.
 */
export function watchLoopDelay(interval = 500, quiet = restful): LoopDelay {
  const turns = monitorEventLoopDelay({ samplePerIteration: true });
  turns.enable();
  const clients = sampler();
  const { samples } = clients;
  const percentile = (): number => (samples.count === 0 ? 0 : samples.percentile(99));
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
    if (isSampling) clients.start();
    else {
      clients.stop();
      worst = Math.max(worst, percentile());
    }
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
      clients.stop();
      clearInterval(looks);
    },
  };
}
