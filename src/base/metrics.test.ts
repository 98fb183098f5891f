import { describe, expect, it } from 'vitest';
import { counter, formatSamples, histogram, mergeSamples, sampleMetrics } from './metrics.ts';

const own = (name: string) => sampleMetrics().filter((sample) => sample.name === name);

describe('metrics', () => {
  it('counts by label and adds up over processes', () => {
    const seen = counter('test_seen_total', 'Seen.', ['kind']);
    seen.add(1, 'a');
    seen.add(2, 'b"\n');
    const text = formatSamples(mergeSamples([own('test_seen_total'), own('test_seen_total')]));
    expect(text).toBe(
      '# HELP test_seen_total Seen.\n# TYPE test_seen_total counter\ntest_seen_total{kind="a"} 2\ntest_seen_total{kind="b\\"\\n"} 4\n',
    );
  });

  it('writes cumulative buckets', () => {
    const took = histogram('test_seconds', 'Took.', [0.1, 1]);
    for (const value of [0.05, 0.5, 5]) took.observe(value);
    const text = formatSamples(own('test_seconds'));
    expect(text).toContain('test_seconds_bucket{le="0.1"} 1\ntest_seconds_bucket{le="1"} 2\ntest_seconds_bucket{le="+Inf"} 3\n');
    expect(text).toContain('test_seconds_count 3\n');
  });
});
