import { counter, gauge } from '../base/metrics.ts';
import { watchLoopDelay } from './loop-delay.ts';

/** What a worker says about itself; registered once, when the process starts to serve. */
export function registerProcessMetrics(sessions: () => number): void {
  const delay = watchLoopDelay();
  // Before the percentile, whose look begins anew.
  gauge('postcote_event_loop_delay_seconds_max', 'Longest turn of the event loop since the last look, of the worst worker.', [], () =>
    delay.max(),
  );
  gauge(
    'postcote_event_loop_delay_seconds_p99',
    'What the 99th of a hundred clients who come at any moment since the last look waits for the event loop; of the worst worker; 0 at rest.',
    [],
    () => {
      const p99 = delay.p99();
      delay.reset();
      return p99;
    },
  );
  gauge('process_resident_memory_bytes', 'Resident memory, summed over workers.', [], () => process.memoryUsage.rss());
  gauge('postcote_workers', 'Workers that answer.', [], () => 1);
  gauge('postcote_connections', 'Open client connections.', [], sessions);
  let used = 0;
  gauge('process_start_time_seconds', 'When the workers started, seconds since 1970; the sum over workers.', [], () => {
    const { user, system } = process.cpuUsage();
    const now = (user + system) / 1e6;
    cpu.add(now - used);
    used = now;
    return performance.timeOrigin / 1000;
  });
  const cpu = counter('process_cpu_seconds_total', 'User and system time, summed over workers.');
}
