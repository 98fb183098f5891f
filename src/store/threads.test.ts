import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Log, silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { MailStore } from './store.ts';

let dir: string;
let store: MailStore;
let errors: string[];
const threads: Worker[] = [];
const note = (worker: Worker): unknown => threads.push(worker);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-threads-'));
  errors = [];
  threads.length = 0;
  process.on('worker', note);
  const log: Log = { ...silentLog, error: (_, msg) => errors.push(msg), child: () => log };
  store = openStore({ ...storeDefaults, minFree: 0, helperRest: 100 }, { log });
});
afterEach(async () => {
  await store.close();
  process.off('worker', note);
  rmSync(dir, { recursive: true, force: true });
});

const account = (name: string) => ({ id: 1 as AccountId, address: `${name}@example.com`, home: join(dir, name), quota: 0 });
const deliver = (name: string) =>
  store.deliver(account(name), 'INBOX', [{ message: stagedBytes(Buffer.from('Subject: x\n\nx\n')), flags: [] }]).then(
    () => 'stored',
    (error: Error) => error.message,
  );

it('refuses what was asked of a thread that ends, does it neither later, and starts another', async () => {
  expect(await deliver('ann')).toBe('stored');
  for (let round = 0; round < 5; round++) {
    const before = await Promise.all(['ann', 'bob', 'cid'].map(deliver));
    expect(before).toEqual(['stored', 'stored', 'stored']);
    const ending = threads.at(-1)!.terminate();
    // The end is not known yet: these go to a thread that reads no more, or wait for their turn.
    const during = ['ann', 'bob', 'dan'].map(deliver);
    await ending;
    expect(await Promise.all(during)).toEqual(Array(3).fill('unavailable: store thread ended'));
    expect(await deliver('bob')).toBe('stored');
  }
  expect(threads).toHaveLength(6);
  expect(errors).toEqual(Array(5).fill('store thread failed'));
  const count = (name: string): number => readdirSync(join(dir, name, 'Maildir/new')).length;
  expect({ ann: count('ann'), bob: count('bob'), cid: count('cid') }).toEqual({ ann: 6, bob: 10, cid: 5 });
});

/** Another process that keeps writers of an account's index waiting. */
async function hold(name: string): Promise<() => Promise<void>> {
  const program = `const db = new (require('better-sqlite3'))(process.argv[1]); db.exec('BEGIN IMMEDIATE'); console.log('held');
    process.stdin.on('end', () => db.close()).resume();`;
  const child = spawn(process.execPath, ['-e', program, join(dir, name, 'postcote.sqlite')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
}

it('ends a thread that helped out, and starts another when one is needed again', async () => {
  expect(await deliver('ann')).toBe('stored');
  for (let round = 0; round < 2; round++) {
    const release = await hold('ann');
    const held = deliver('ann');
    await sleep(600);
    expect(await deliver('bob')).toBe('stored');
    expect(threads).toHaveLength(2 + round);
    await release();
    expect(await held).toBe('stored');
    await expect.poll(() => threads.at(-1)!.threadId).toBe(-1);
    // Again the first.
    expect(await deliver('bob')).toBe('stored');
  }
  expect(threads).toHaveLength(3);
  expect(threads[0]!.threadId).not.toBe(-1);
  expect(errors).toEqual([]);
  expect(readdirSync(join(dir, 'bob/Maildir/new'))).toHaveLength(4);
});

it('closes as often as it is asked to', async () => {
  expect(await deliver('ann')).toBe('stored');
  const first = store.close();
  await store.close();
  await first;
  await store.close();
  expect(await deliver('ann')).toBe('unavailable: the store is closing');
  expect(errors).toEqual([]);
});
