import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** Share of its time that a loop at rest may be busy. */
const restful = 0.02;
/** Milliseconds between two samples. */
const resolution = 10;

export interface LoopDelay {
  /** Seconds of the longest turn. */
  max(): number;
  /** Seconds from one sample to the next, 99th of a hundred, in the worst stretch of work; 0 when there was none. */
  p99(): number;
  reset(): void;
  stop(): void;
}

/**
 * How long the event loop is held, since the last reset. Every turn counts for the longest. For the percentile a timer samples: a
 * client comes at any moment, and among turns a hundred short ones would hide a long one. That timer wakes a worker at rest a hundred
 * times a second, so it runs only while the loop has work, to be looked at every `interval` milliseconds.
 */
export function watchLoopDelay(interval = 500, quiet = restful): LoopDelay {
  const turns = monitorEventLoopDelay({ samplePerIteration: true, resolution });
  turns.enable();
  const samples = monitorEventLoopDelay({ resolution });
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
