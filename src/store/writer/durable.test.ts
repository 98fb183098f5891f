import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { WalFile } from '../../db/wal-file.ts';
import { Fault } from '../../mail/fault.ts';
import { storeDefaults } from '../settings.ts';
import type { AccountWriter, Operation } from './account-writer.ts';
import { debtOf, type Job, pay } from './durable.ts';
import { openWriter } from './open.ts';

let home: string;
let writer: AccountWriter;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'postcote-durable-'));
  writer = openWriter({ address: 'a@b', home }, { ...storeDefaults, minFree: 0 }, silentLog).writer;
});
afterEach(() => {
  vi.restoreAllMocks();
  writer.close();
  rmSync(home, { recursive: true, force: true });
});

const frames = (): number => (writer.db.pragma('wal_checkpoint(PASSIVE)') as { log: number }[])[0]!.log;

/** Jobs of one round, committed and paid for. */
async function round(idle: boolean, ...durable: boolean[]): Promise<readonly Job[]> {
  const held = { writer };
  const jobs: Job[] = durable.map((one, n) => {
    const operation: Operation = { durable: one, run: () => writer.account.subscribe(`${n} ${Math.random()}`, true) };
    return { held, operation, outcome: null };
  });
  for (const [i, outcome] of writer.run(jobs.map(({ operation }) => operation)).entries()) jobs[i]!.outcome = outcome;
  await pay(debtOf(new Map([[held, jobs]])), null, idle, silentLog);
  return jobs;
}

it.each([true, false])('syncs the log once for what waits for it, and not for what does not; at once: %s', async (idle) => {
  const syncs = [vi.spyOn(WalFile.prototype, 'syncNow'), vi.spyOn(WalFile.prototype, 'sync')];
  await round(idle, false);
  expect(syncs.map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  const jobs = await round(idle, true, false, true);
  expect(syncs.map(({ mock }) => mock.calls.length)).toEqual(idle ? [1, 0] : [0, 1]);
  expect(jobs.map(({ outcome }) => outcome?.error)).toEqual([undefined, undefined, undefined]);
});

it.each([true, false])('refuses what the disk did not take, and goes on with another log; at once: %s', async (idle) => {
  for (let n = 0; n < 20; n++) await round(idle, true);
  const before = frames();
  const error = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
  vi.spyOn(WalFile.prototype, 'syncNow').mockImplementationOnce(() => {
    throw error;
  });
  vi.spyOn(WalFile.prototype, 'sync').mockImplementationOnce(() => Promise.reject(error));
  const [refused, loose] = await round(idle, true, false);
  expect(refused?.outcome?.error).toMatchObject({ kind: 'unavailable' });
  expect(loose?.outcome?.error).toBeUndefined();
  // A reader keeps the log from being begun anew: nothing is promised by it.
  const reader = openWriter({ address: 'a@b', home }, { ...storeDefaults, minFree: 0 }, silentLog).writer;
  writer.db.pragma('busy_timeout = 0');
  reader.db.exec('BEGIN; SELECT * FROM account');
  const [kept] = await round(idle, true);
  expect(kept?.outcome?.error).toBeInstanceOf(Fault);
  reader.db.exec('COMMIT');
  reader.close();
  const [done] = await round(idle, true);
  expect(done?.outcome?.error).toBeUndefined();
  expect(frames()).toBeLessThan(before);
});

it('closes a log when its sync is over', async () => {
  const log = new WalFile(writer.indexFile);
  await round(true, true);
  const syncs = [log.sync(), log.sync()];
  log.close();
  await expect(Promise.all(syncs)).resolves.toEqual([undefined, undefined]);
  await expect(new WalFile(join(home, 'none')).sync()).rejects.toThrow(/ENOENT/);
});
