import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import { openDatabase } from '../db/open.ts';
import { copyLimit } from './copies.ts';
import { type OpenQueue, openQueue } from './open.ts';
import type { QueueId } from './queue.ts';
import { defaultQueueSettings } from './settings.ts';

let dir: string;
let queue: OpenQueue | null = null;
const start = (): OpenQueue => {
  queue = openQueue({ ...defaultQueueSettings, dir }, { clock: { now: () => 1_000_000 }, log: silentLog });
  return queue;
};
const stop = async (): Promise<void> => {
  await queue?.close();
  queue = null;
};
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-copies-'));
});
afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

async function enqueue(text: string): Promise<QueueId> {
  const on = start();
  const id = on.nextId();
  const address = { localPart: 'bo', domain: 'there.test' };
  await on.enqueue({
    id,
    envelope: { reversePath: { localPart: 'ann', domain: 'here.test' }, body: '7bit', smtputf8: false, requireTls: false },
    recipients: [{ address, original: 'bo@there.test', transport: 'relay' }],
    message: stagedBytes(Buffer.from(text)),
    sender: null,
  });
  return id;
}
const sql = (query: string): unknown[] => {
  const db = openDatabase(join(dir, 'queue.sqlite'));
  try {
    const statement = db.prepare(query);
    return statement.reader ? statement.all() : [statement.run()];
  } finally {
    db.close();
  }
};
const spooled = (id: string): string => join(dir, 'spool', id);

it('queues short messages without a file', async () => {
  const id = await enqueue('Subject: x\n\nwhole\n');
  expect(existsSync(spooled(id))).toBe(false);
  await stop();
  const { jobs } = await start().thread.ask('claim', { owner: 'me', now: 1_000_000, want: 1, after: '', slots: new Map(), slot: 1 });
  expect(Buffer.from(jobs[0]!.message.bytes!).toString()).toBe('Subject: x\n\nwhole\n');
});

it('gives mail that stays its file', async () => {
  const id = await enqueue('Subject: x\n\nlong\n');
  const copies = (): number => sql('SELECT id FROM copy').length;
  expect(copies()).toBe(1);
  await queue!.thread.ask('sweep', { owner: 'me', now: 1_060_000, uptime: 0, longest: 3_600_000 });
  for (let i = 0; i < 100 && copies() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(copies()).toBe(0);
  expect(readFileSync(spooled(id), 'latin1')).toBe('Subject: x\n\nlong\n');
  const { jobs } = await queue!.thread.ask('claim', { owner: 'me', now: 1_060_000, want: 1, after: '', slots: new Map(), slot: 1 });
  expect(jobs[0]!.message.bytes).toBeUndefined();
});

it('makes none of long messages', async () => {
  const id = await enqueue(`Subject: x\n\n${'long\n'.repeat(copyLimit / 4)}`);
  expect(existsSync(spooled(id))).toBe(true);
  expect(sql('SELECT id FROM copy')).toEqual([]);
});

it('removes a file that was written and not yet told of', async () => {
  const id = await enqueue('Subject: x\n\nshort\n');
  writeFileSync(spooled(id), 'Subject: x\n\nshort\n');
  const { jobs } = await queue!.thread.ask('claim', { owner: 'me', now: 1_000_000, want: 1, after: '', slots: new Map(), slot: 1 });
  const { job, token, recipients } = jobs[0]!;
  const outcomes = [{ recipient: recipients[0]!.id, result: 'delivered' as const, reply: '250 Ok', relay: null, notice: null }];
  await queue!.thread.ask('finish', { job, token, now: 1_040_000, outcomes, retryAt: null, block: null, unblock: false });
  await expect.poll(() => existsSync(spooled(id))).toBe(false);
  expect(sql('SELECT id FROM message')).toEqual([]);
});
