import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../base/log.ts';
import { sampleMetrics } from '../base/metrics.ts';
import { stagedBytes } from '../base/staging.ts';
import { splitAddress } from '../mail/address.ts';
import { copyLimit } from './copies.ts';
import type { NoticesDue } from './engine.ts';
import { type OpenQueue, openQueue } from './open.ts';
import type { NewQueued } from './queue.ts';
import { type Runner, startRunner } from './runner.ts';
import { defaultQueueSettings, type QueueSettings } from './settings.ts';
import type { Job, JobOutcome, Transport } from './transport.ts';

const hour = 3_600_000;
let dir: string;
let now: number;
const clock = { now: () => now };
const open: (Runner | OpenQueue)[] = [];
/** What the fake next hop says, by address. */
let answers: Map<string, JobOutcome | Error | 'hang'>;
let tried: string[];
let notices: NoticesDue[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-queue-'));
  now = 1_800_000_000_000;
  answers = new Map();
  tried = [];
  notices = [];
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  rmSync(dir, { recursive: true, force: true });
});

const ok: JobOutcome = { result: 'delivered', reply: '250 2.0.0 Ok', relay: 'mx.test' };
const later: JobOutcome = { result: 'deferred', reply: '451 4.7.1 Later', relay: 'mx.test' };
const never: JobOutcome = { result: 'failed', reply: '550 5.1.1 No such user', relay: 'mx.test' };
const down: JobOutcome = { result: 'deferred', reply: '451 4.4.1 Connection refused', relay: null, unreachable: true };

const transport: Transport = {
  destination: (address) => address.domain,
  timeLimit: () => hour,
  async deliver(job: Job, report) {
    for (const recipient of job.recipients) {
      tried.push(recipient.original);
      const answer = answers.get(recipient.original) ?? ok;
      if (answer === 'hang') await new Promise(() => {});
      else if (answer instanceof Error) throw answer;
      else report(recipient, answer);
    }
  },
};

function queue(settings: Partial<QueueSettings> = {}): OpenQueue {
  const opened = openQueue({ dir, ...defaultQueueSettings, ...settings }, { clock, log: silentLog });
  open.push(opened);
  return opened;
}
function runner(on: OpenQueue): Runner {
  const started = startRunner(on, {
    clock,
    log: silentLog,
    transports: { local: transport, relay: transport },
    random: () => 0,
    notice: async (due) => {
      notices.push(due);
      return null;
    },
  });
  open.push(started);
  return started;
}
function mail(on: OpenQueue, to: string[], options: { from?: string | null; sender?: string; text?: string } = {}): NewQueued {
  const from = options.from === undefined ? 'ann@here.test' : options.from;
  return {
    id: on.nextId(),
    envelope: { reversePath: from === null ? null : splitAddress(from), body: '7bit', smtputf8: false, requireTls: false },
    recipients: to.map((address) => ({ address: splitAddress(address)!, original: address, transport: 'relay' })),
    message: stagedBytes(Buffer.from(options.text ?? 'Subject: hi\n\nhello\n')),
    prefix: Buffer.from('Received: x\n'),
    sender: options.sender ?? null,
  };
}
const spooled = (): string[] => readdirSync(join(dir, 'spool'));

describe('queue', () => {
  it('keeps mail on disk until it is delivered', async () => {
    const q = queue();
    const long = 'hello\n'.repeat(copyLimit / 6);
    const one = mail(q, ['bob@there.test', 'eve@there.test', 'joe@other.test'], { text: `Subject: hi\n\n${long}` });
    await q.enqueue(one);
    expect(spooled()).toEqual([one.id]);
    expect(readFileSync(join(dir, 'spool', one.id), 'utf8')).toBe(`Received: x\nSubject: hi\n\n${long}`);
    expect(await q.stats()).toMatchObject({ messages: 1, jobs: { ready: 2 } });
    await runner(q).idle();
    await expect
      .poll(() =>
        sampleMetrics()
          .find(({ name }) => name === 'postcote_queue_deliveries')
          ?.rows.map(([labels]) => labels[0]),
      )
      .toEqual(['ready', 'waiting', 'leased']);
    expect(tried.sort()).toEqual(['bob@there.test', 'eve@there.test', 'joe@other.test']);
    await expect.poll(spooled).toEqual([]);
    expect(await q.stats()).toMatchObject({ messages: 0, jobs: {} });
  });

  it('keeps mail that is submitted for later until then, whatever is flushed meanwhile', async () => {
    const q = queue();
    const r = runner(q);
    await r.idle();
    const plain = mail(q, ['bob@there.test']);
    await q.enqueue({ ...plain, envelope: { ...plain.envelope, releaseAt: now + 3 * hour } });
    const past = mail(q, ['eve@there.test']);
    await q.enqueue({ ...past, envelope: { ...past.envelope, releaseAt: now - hour } });
    await r.idle();
    await q.flush();
    await q.flushDomain('there.test');
    await r.idle();
    expect(tried).toEqual(['eve@there.test']);
    // Its time begins when it is released.
    now += 3 * hour - 1;
    await r.sweep();
    await r.idle();
    expect(notices).toEqual([]);
    expect(tried).toEqual(['eve@there.test']);
    now += 1;
    answers.set('bob@there.test', later);
    await r.idle();
    expect(tried).toEqual(['eve@there.test', 'bob@there.test']);
    now += 4 * hour + 1;
    await r.sweep();
    expect(notices.flatMap(({ recipients }) => recipients.map(({ notice }) => notice))).toEqual(['delayed']);

    const other = mail(q, ['joe@other.test']);
    await q.enqueue({ ...other, envelope: { ...other.envelope, releaseAt: now + hour } });
    expect(await q.flush(other.id)).toBe(1);
    await r.idle();
    expect(tried).toContain('joe@other.test');
  });

  it('begins with new mail at once, but not before mail that waits, nor where nobody answers', async () => {
    const q = queue();
    const r = runner(q);
    await r.idle();
    const asked: string[] = [];
    const ask = q.thread.ask.bind(q.thread);
    q.thread.ask = ((op: never, ...more: [never]) => {
      asked.push(op);
      return ask(op, ...more);
    }) as typeof ask;
    await q.enqueue(mail(q, ['bob@there.test', 'eve@elsewhere.test']));
    await r.idle();
    expect(asked.slice(0, asked.indexOf('finish'))).toEqual(['enqueue']);
    expect(tried).toEqual(['bob@there.test', 'eve@elsewhere.test']);
    answers.set('x@down.test', down);
    await q.enqueue(mail(q, ['x@down.test']));
    await r.idle();
    await q.enqueue(mail(q, ['y@down.test']));
    await r.idle();
    expect(tried).not.toContain('y@down.test');
    expect((await q.stats()).jobs).toEqual({ ready: 1, waiting: 1 });
  });

  it('keeps state per recipient and tries the rest again, later and later', async () => {
    const q = queue();
    answers.set('bob@there.test', later);
    answers.set('eve@there.test', never);
    await q.enqueue(mail(q, ['bob@there.test', 'eve@there.test', 'joe@there.test']));
    const r = runner(q);
    await r.idle();
    expect(notices).toHaveLength(1);
    expect(notices[0]?.recipients.map((row) => [row.local_part, row.notice, row.reply])).toEqual([
      ['eve', 'failed', '550 5.1.1 No such user'],
    ]);
    tried = [];
    now += hour / 4 - 1;
    await r.idle();
    expect(tried).toEqual([]);
    now += 1;
    await r.idle();
    expect(tried).toEqual(['bob@there.test']);
    now += hour / 4;
    await r.idle();
    expect(tried).toHaveLength(1);
    answers.clear();
    now += hour / 4;
    await r.idle();
    expect(spooled()).toEqual([]);
  });

  it('warns of a delay once and gives up at the end of the lifetime', async () => {
    const q = queue();
    answers.set('bob@there.test', later);
    await q.enqueue(mail(q, ['bob@there.test']));
    const r = runner(q);
    await r.idle();
    now += 4 * hour;
    await r.sweep();
    await r.sweep();
    expect(notices.map((due) => due.recipients.map((row) => row.notice))).toEqual([['delayed']]);
    now += 116 * hour;
    await r.sweep();
    expect(notices[1]?.recipients[0]).toMatchObject({
      notice: 'failed',
      state: 'failed',
      reply: expect.stringContaining('451 4.7.1 Later'),
    });
    await expect.poll(spooled).toEqual([]);
  });

  it('never tells a null sender', async () => {
    const q = queue();
    answers.set('bob@there.test', never);
    await q.enqueue(mail(q, ['bob@there.test'], { from: null }));
    await runner(q).idle();
    expect(notices).toEqual([]);
    expect(spooled()).toEqual([]);
  });

  it('tells of several failures at once', async () => {
    const q = queue();
    for (const to of ['a@x.test', 'b@y.test', 'c@z.test']) answers.set(to, never);
    await q.enqueue(mail(q, ['a@x.test', 'b@y.test', 'c@z.test']));
    await runner(q).idle();
    expect(notices.map((due) => due.recipients.length)).toEqual([3]);
  });

  it('does not hammer a destination that is down, and probes with one', async () => {
    const q = queue();
    for (let i = 0; i < 50; i++) {
      answers.set(`${i}@down.test`, down);
      await q.enqueue(mail(q, [`${i}@down.test`]));
    }
    const r = runner(q);
    await r.idle();
    const first = tried.length;
    expect(first).toBeLessThanOrEqual(10);
    now += 61_000;
    await r.idle();
    expect(tried.length).toBe(first + 1);
    answers.clear();
    await q.flush();
    await r.idle();
    expect(spooled()).toEqual([]);
  });

  it('is fair between senders to one destination', async () => {
    const q = queue();
    await Promise.all(Array.from({ length: 200 }, (_, i) => q.enqueue(mail(q, [`bulk${i}@there.test`], { sender: 'bulk@here.test' }))));
    await q.enqueue(mail(q, ['one@there.test'], { sender: 'ann@here.test' }));
    await runner(q).idle();
    expect(tried).toHaveLength(201);
    expect(tried.indexOf('one@there.test')).toBeLessThan(30);
  });

  it('is fair between destinations', async () => {
    const q = queue({ activeLimit: 10 });
    await Promise.all(Array.from({ length: 100 }, (_, i) => q.enqueue(mail(q, [`${i}@big.test`]))));
    await q.enqueue(mail(q, ['x@small.test']));
    await runner(q).idle();
    expect(tried.indexOf('x@small.test')).toBeLessThan(25);
  });

  it('gives work of a dead worker to another, with what it had recorded', async () => {
    const q = queue();
    await q.enqueue(mail(q, ['bob@there.test', 'eve@there.test']));
    const lost = { id: 'dead', pid: 2 ** 22 + 1, started: '1', until: now + hour };
    await q.thread.ask('beat', { worker: lost, isNew: true });
    const { jobs } = await q.thread.ask('claim', { owner: 'dead', now, want: 10, after: '', slots: new Map(), slot: 5 });
    const { mkdirSync, writeFileSync } = await import('node:fs');
    mkdirSync(join(dir, 'outcome'), { recursive: true });
    const record = {
      job: jobs[0]!.job,
      token: jobs[0]!.token,
      recipient: jobs[0]!.recipients[0]!.id,
      result: 'delivered',
      reply: '250 ok',
      relay: 'x',
      notice: null,
    };
    writeFileSync(join(dir, 'outcome', 'dead.1'), `${JSON.stringify(record)}\n{"job":1,"tok`);
    const r = runner(q);
    await r.sweep();
    await r.idle();
    expect(tried).toEqual(['eve@there.test']);
    const late = await q.thread.ask('finish', {
      job: jobs[0]!.job,
      token: jobs[0]!.token,
      now,
      outcomes: [],
      retryAt: now,
      block: null,
      unblock: false,
    });
    expect(late.lost).toBe(true);
    expect(existsSync(join(dir, 'outcome', 'dead.1'))).toBe(false);
  });

  it('survives being closed and opened', async () => {
    const q = queue();
    answers.set('bob@there.test', later);
    await q.enqueue(mail(q, ['bob@there.test']));
    const r = runner(q);
    await r.idle();
    for (const one of open.splice(0).reverse()) await one.close();
    answers.clear();
    now += hour;
    const again = queue();
    await runner(again).idle();
    expect(tried).toHaveLength(2);
    expect(spooled()).toEqual([]);
  });

  it('defers when a transport throws', async () => {
    const q = queue();
    answers.set('bob@there.test', new Error('bug'));
    await q.enqueue(mail(q, ['bob@there.test']));
    await runner(q).idle();
    expect(await q.stats()).toMatchObject({ jobs: { waiting: 1 } });
  });

  it('frees the place of a delivery that hangs, and tries it again later', async () => {
    const q = queue({ initialDestinationConcurrency: 1, destinationConcurrencyLimit: 1 });
    const r = runner(q);
    await r.idle();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      answers.set('bob@there.test', 'hang');
      await q.enqueue(mail(q, ['ann@there.test', 'bob@there.test', 'joe@there.test']));
      await q.enqueue(mail(q, ['eve@there.test']));
      await expect.poll(() => tried).toEqual(['ann@there.test', 'bob@there.test']);
      vi.advanceTimersByTime(hour);
      vi.advanceTimersByTime(1_000);
      await r.idle();
    } finally {
      vi.useRealTimers();
    }
    expect(tried).toEqual(['ann@there.test', 'bob@there.test', 'eve@there.test']);
    expect(await q.stats()).toMatchObject({ messages: 1, jobs: { waiting: 1 } });
    answers.clear();
    now += hour;
    await r.idle();
    expect(tried.slice(3)).toEqual(['bob@there.test', 'joe@there.test']);
    expect(spooled()).toEqual([]);
  });

  it('closes though a delivery hangs, and gives it back', async () => {
    const q = queue();
    answers.set('bob@there.test', 'hang');
    await q.enqueue(mail(q, ['bob@there.test']));
    const r = runner(q);
    await expect.poll(() => tried).toEqual(['bob@there.test']);
    await r.close(0);
    expect(await q.stats()).toMatchObject({ jobs: { ready: 1 } });
  });

  it('refuses mail when the disk is nearly full', async () => {
    const q = queue({ queueMinfree: Number.MAX_SAFE_INTEGER });
    await expect(q.enqueue(mail(q, ['bob@there.test']))).rejects.toMatchObject({ kind: 'storageFull' });
    expect(spooled()).toEqual([]);
  });

  it('spoils nothing when one of a batch is bad', async () => {
    const q = queue();
    const good = Array.from({ length: 5 }, (_, i) => mail(q, [`${i}@there.test`]));
    const twice = { ...mail(q, ['bad@there.test']), id: good[0]!.id };
    const results = await Promise.allSettled([...good, twice].map((one) => q.enqueue(one)));
    expect(results.map((result) => result.status)).toEqual([...good.map(() => 'fulfilled'), 'rejected']);
    expect((await q.stats()).messages).toBe(5);
    expect(spooled()).toEqual([]);
  });
});
