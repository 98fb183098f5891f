import { describe, expect, it } from 'vitest';
import { defaultRelaySettings } from './settings.ts';
import { timeLimit } from './time-limit.ts';

const hours = (size: number, recipients: number, protocol: 'smtp' | 'lmtp' = 'smtp'): number =>
  timeLimit(size, recipients, protocol, { ...defaultRelaySettings, hostname: 'here.test' }) / 3_600_000;

describe('the time limit of a job', () => {
  it('is some hours for a short message', () => {
    expect(hours(5_000, 1)).toBeGreaterThan(4);
    expect(hours(5_000, 1)).toBeLessThan(5);
  });

  it('leaves each recipient and each octet its time, in two sessions', () => {
    expect(hours(5_000, 13) - hours(5_000, 1)).toBeCloseTo(2, 5);
    expect(hours(1_800_000, 1) - hours(0, 1)).toBeCloseTo(2, 5);
    expect(hours(0, 7, 'lmtp') - hours(0, 1, 'lmtp')).toBeCloseTo(3, 5);
    // A list that is longer than a transaction holds has the text sent again.
    expect(hours(1_800_000, 101) - hours(1_800_000, 100)).toBeGreaterThan(2);
  });
});
