import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../../bench/report.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { stagedBytes } from '../../src/base/staging.ts';
import { splitAddress } from '../../src/mail/address.ts';
import { openQueueAdmin } from '../../src/queue/admin.ts';
import { queueIds } from '../../src/queue/id.ts';
import { newRows } from '../../src/queue/new-rows.ts';
import { type OpenQueue, openQueue } from '../../src/queue/open.ts';
import { type Runner, startRunner } from '../../src/queue/runner.ts';
import { defaultQueueSettings } from '../../src/queue/settings.ts';
import type { Transport } from '../../src/queue/transport.ts';
import { type FaultTest, figures } from './fault-test.ts';

const text = Buffer.from(`Subject: x\n\n${'0123456789'.repeat(400)}\n`);
const envelope = { reversePath: splitAddress('ann@here.test'), body: '7bit', smtputf8: false, requireTls: false } as const;
const mailTo = (queue: Pick<OpenQueue, 'nextId'>, address: string) => ({
  id: queue.nextId(),
  envelope,
  recipients: [{ address: splitAddress(address)!, original: address, transport: 'relay' as const }],
  message: stagedBytes(text),
  sender: null,
});

/** Deferred messages to many destinations, as they lie there after their first attempt: waiting, their text in files. */
function fill(dir: string, messages: number): void {
  const admin = openQueueAdmin(dir)!;
  const settings = { ...defaultQueueSettings, dir };
  const nextId = queueIds(systemClock);
  const due = systemClock.now() + 3_600_000;
  for (let n = 0; n < messages; n += 1_000) {
    admin.engine.commit(() => {
      for (let i = n; i < Math.min(messages, n + 1_000); i++) {
        const mail = mailTo({ nextId }, `u${i}@d${i % 500}.test`);
        const { fd } = admin.spool.write(mail.id, { bytes: text, file: null });
        closeSync(fd);
        admin.engine.enqueue(
          newRows(mail, systemClock.now(), settings, (_, { domain }) => domain),
          text.length,
          null,
        );
      }
      for (;;) {
        const { jobs } = admin.engine.claim({ owner: 'fill', now: systemClock.now(), want: 500, after: '', slots: new Map(), slot: 500 });
        if (jobs.length === 0) return;
        for (const { job, token, recipients } of jobs) {
          const outcomes = recipients.map(({ id }) => ({
            recipient: id,
            result: 'deferred' as const,
            reply: '451 4.4.1 Connection timed out',
            relay: null,
            notice: null,
          }));
          admin.engine.finish({ job, token, now: systemClock.now(), outcomes, retryAt: due, block: null, unblock: false });
        }
      }
    });
  }
  admin.close();
}

interface Open {
  readonly queue: OpenQueue;
  readonly runner: Runner;
  readonly rates: number[];
  readonly waits: number[];
}

function open(dir: string): Open {
  const queue = openQueue({ ...defaultQueueSettings, dir }, { clock: systemClock, log: silentLog });
  const transport: Transport = {
    destination: ({ domain }) => domain,
    timeLimit: () => 60_000,
    async deliver(job, report) {
      for (const recipient of job.recipients) report(recipient, { result: 'delivered', reply: '250 2.0.0 Ok', relay: null });
    },
  };
  const runner = startRunner(queue, {
    clock: systemClock,
    log: silentLog,
    transports: { local: transport, relay: transport },
    notice: async () => null,
  });
  return { queue, runner, rates: [], waits: [] };
}

/** Twenty clients queue messages, which are delivered at once. */
async function round({ queue, runner, rates, waits }: Open, messages: number): Promise<void> {
  const began = performance.now();
  let left = messages;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const asked = performance.now();
      await queue.enqueue(mailTo(queue, `x@now${left % 100}.test`));
      waits.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: 20 }, client));
  rates.push((messages / (performance.now() - began)) * 1000);
  await runner.idle();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const p99 = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)]!;

/** Acceptance beside a queue of `messages` deferred ones, against an empty one; rounds of both by turns. */
export async function deepQueue(messages: number, rounds: number): Promise<Record<string, number>> {
  const root = mkdtempSync(join(tmpdir(), 'postcote-deep-'));
  try {
    const [emptyDir, deepDir] = [join(root, 'empty/queue'), join(root, 'deep/queue')];
    await openQueue({ ...defaultQueueSettings, dir: deepDir }, { clock: systemClock, log: silentLog }).close();
    const began = performance.now();
    fill(deepDir, messages);
    const filled = performance.now() - began;
    const before = process.memoryUsage.rss();
    const empty = open(emptyDir);
    const deep = open(deepDir);
    for (const one of [empty, deep]) {
      await round(one, 500);
      one.rates.length = 0;
      one.waits.length = 0;
    }
    for (let n = 0; n < rounds; n++) for (const one of n % 2 === 0 ? [empty, deep] : [deep, empty]) await round(one, 500);
    const now = systemClock.now();
    const claim = { owner: deep.queue.owner, now, want: 200, after: '', slots: new Map(), slot: 10 };
    const claimMs = await timed(() => deep.queue.thread.ask('claim', claim));
    const countMs = await timed(() => deep.queue.thread.ask('lengths', {}));
    const sweepMs = await timed(() => deep.runner.sweep());
    const grown = process.memoryUsage.rss() - before;
    for (const { runner, queue } of [empty, deep]) {
      await runner.close();
      await queue.close();
    }
    const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
    const env = { PATH: process.env.PATH, POSTCOTE_DATA_DIR: join(root, 'deep'), HOME: root };
    const list = (): number => {
      const start = performance.now();
      const ran = spawnSync(process.execPath, [cli, 'queue', 'list'], { env, cwd: root, encoding: 'utf8', maxBuffer: 1 << 30 });
      if (!ran.stdout.trimEnd().endsWith(`in ${messages} Requests.`)) throw new Error(`queue list: ${ran.stderr}${ran.stdout.slice(-200)}`);
      return performance.now() - start;
    };
    const whole = (value: number): number => Math.round(value);
    return {
      messages,
      filledMs: whole(filled),
      acceptedPerSecond: whole(median(deep.rates)),
      empty: whole(median(empty.rates)),
      rateRatio: Number(median(deep.rates.map((rate, n) => rate / empty.rates[n]!)).toFixed(2)),
      p99Ms: whole(p99(deep.waits)),
      p99EmptyMs: whole(p99(empty.waits)),
      claimMs: whole(claimMs),
      countMs: whole(countMs),
      sweepMs: whole(sweepMs),
      listMs: whole(list()),
      grownMiB: whole(grown / 2 ** 20),
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export const deepQueueTests: readonly FaultTest[] = [
  {
    name: 'deep-queue',
    async run({ long }) {
      const result = await deepQueue(long ? 100_000 : 20_000, 15);
      const slower = result.rateRatio! < 0.9 ? 1 : 0;
      return figures({ ...result, slower }, ['slower'], { claimMs: 100, sweepMs: 1_000, grownMiB: 200 });
    },
  },
];
