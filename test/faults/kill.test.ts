import { expect, it } from 'vitest';
import { killRounds } from './kill.ts';

// 20 rounds and more: node test/faults/kill.ts 20
it('keeps what it acknowledged when workers and the whole are killed', { timeout: 120_000 }, async () => {
  const report = await killRounds({ rounds: 4, clients: 10, workers: 2, load: 300 });
  expect(report).toMatchObject({ lost: 0, doubled: 0, damaged: 0, uidsChanged: 0 });
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.unacknowledged).toBeLessThanOrEqual(4 * 10);
});
