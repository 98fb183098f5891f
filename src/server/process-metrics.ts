import { monitorEventLoopDelay } from 'node:perf_hooks';
import { counter, gauge } from '../base/metrics.ts';

/** What a worker says about itself; registered once, when the process starts to serve. */
export function registerProcessMetrics(sessions: () => number): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  // Before the percentile, whose look begins anew.
  gauge(
    'postcote_event_loop_delay_seconds_max',
    'Longest event-loop delay since the last look, of the worst worker; 0.01 at rest.',
    [],
    () => (delay.count === 0 ? 0 : delay.max / 1e9),
  );
  gauge('postcote_event_loop_delay_seconds_p99', 'Event-loop delay since the last look, 99th percentile; of the worst worker.', [], () => {
    const p99 = delay.percentile(99) / 1e9;
    delay.reset();
    return Number.isFinite(p99) ? p99 : 0;
  });
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
