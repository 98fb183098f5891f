// Writes to the delivery journal that fail or fall short, and syncs that fail: what was acknowledged is there, also where the system forgot it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalRecord } from '../../src/store/journal/record.ts';
import { readSegment } from '../../src/store/journal/segment.ts';
import { sendMail } from './clients.ts';
import { type FaultServer, faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';
import { Shim, type Spoil } from './shim.ts';

const account = 'journal@example.com';
const messageText = (n: number, octets: number): string =>
  `From: driver@driver.test\r\nX-Number: ${n}\r\n\r\n${`line of message ${n}\r\n`.repeat(Math.ceil(octets / 20))}`;

const journalFolder = ({ dir }: FaultServer): string => join(dir, 'data/journal/1');
const mailFolder = ({ dir }: FaultServer): string => join(dir, 'mail/example.com/journal/Maildir');

/** Numbers of the messages that are there whole, and how many are not. */
function there(server: FaultServer): { readonly whole: ReadonlyMap<number, number>; readonly half: number } {
  const whole = new Map<number, number>();
  let half = 0;
  for (const folder of ['new', 'cur']) {
    for (const name of readdirSync(join(mailFolder(server), folder))) {
      const text = readFileSync(join(mailFolder(server), folder, name), 'latin1');
      const n = Number(/^X-Number: (-?\d+)$/m.exec(text)?.[1] ?? Number.NaN);
      const octets = text.length > 50_000 ? long : short;
      if (text.endsWith(messageText(n, octets).replaceAll('\r\n', '\n'))) whole.set(n, (whole.get(n) ?? 0) + 1);
      else half++;
    }
  }
  return { whole, half };
}
const short = 2000;
const long = 100_000;

const variants: readonly (Omit<Spoil, 'path'> & { readonly label: string; readonly where: 'journal' | 'all'; readonly refuses?: true })[] =
  [
    { label: 'write EIO', where: 'journal', calls: ['write'], error: 'EIO' },
    { label: 'later write EIO', where: 'journal', calls: ['write'], error: 'EIO', first: 4 },
    { label: 'write ENOSPC for good', where: 'journal', calls: ['write'], error: 'ENOSPC', times: 1e6 },
    { label: 'write short', where: 'journal', calls: ['write'], error: 'short' },
    { label: 'later write short', where: 'journal', calls: ['write'], error: 'short', first: 3, times: 1e6 },
    { label: 'write takes 700 ms', where: 'journal', calls: ['write'], error: 'slow', delay: 700 },
    // The sync of the files, which is there instead, fails as well.
    { label: 'write and sync EIO', where: 'all', calls: ['write', 'sync'], error: 'EIO', times: 1e6, refuses: true },
  ];

interface Count {
  faults: number;
  acknowledged: number;
  refused: number;
  lost: number;
  twice: number;
  half: number;
  wronglyRefused: number;
  odd: number;
  uncounted: number;
  workersDied: number;
}

async function metric(server: FaultServer, step: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.ports.HTTP}/metrics`)).text();
  return Number(new RegExp(`^postcote_journal_failures_total\\{step="${step}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

/** Sends `count` messages, up to twenty at once. @returns numbers of those that were acknowledged */
async function send(server: FaultServer, from: number, count: number, octets: number, note: (reply: string) => void): Promise<number[]> {
  const taken: number[] = [];
  let next = from;
  await Promise.all(
    Array.from({ length: Math.min(20, count) }, async () => {
      while (next < from + count) {
        const n = next++;
        const reply = await sendMail(server.ports.SMTP, account, messageText(n, octets));
        note(reply);
        if (reply.startsWith('250')) taken.push(n);
      }
    }),
  );
  return taken;
}

async function failingWrites(shim: Shim, count: Count): Promise<void> {
  for (const { label, where, refuses = false, ...spoil } of variants) {
    const server = await faultServer({ accounts: [account], workers: 1, env: shim.env });
    try {
      const replies: string[] = [];
      const note = (reply: string): unknown => replies.push(reply);
      const taken: number[] = [];
      // Until the journal is in use.
      for (let n = -200; n < -1 && recordsOf(server, (_, octets) => octets > 0).length === 0; n++) {
        taken.push(...(await send(server, n, 1, short, note)));
        await sleep(20);
      }
      const sure = replies.length;
      shim.arm({ ...spoil, path: where === 'journal' ? journalFolder(server) : server.dir });
      taken.push(...(await send(server, 10, 1, short, note)));
      // Twenty at once may be a single write.
      for (let from = 100; from < 500 && (from === 100 || shim.hits.count === 0); from += 20)
        taken.push(...(await send(server, from, 20, short, note)));
      const { count: hits } = shim.hits;
      shim.disarm();
      if (hits > 0) count.faults++;
      taken.push(...(await send(server, 50, 5, short, note)));
      const refused = replies.filter((reply) => !reply.startsWith('250'));
      if (replies.slice(0, sure).some((reply) => !reply.startsWith('250'))) throw new Error(`${label}: ${replies[0]}`);
      count.odd += refused.filter((reply) => !/^45[12] /.test(reply)).length;
      count.acknowledged += taken.length;
      count.refused += refused.length;
      if (!refuses) count.wronglyRefused += refused.length;
      // What falls short, libuv goes on with.
      const fails = spoil.error === 'EIO' || spoil.error === 'ENOSPC';
      if (fails && where === 'journal' && hits > 0 && (await metric(server, 'write')) === 0) count.uncounted++;
      await server.killAll();
      await server.start();
      const { whole, half } = there(server);
      count.lost += taken.filter((n) => !whole.has(n)).length;
      count.twice += [...whole.values()].filter((times) => times > 1).length;
      count.half += half;
      count.workersDied += server.logs().filter(({ msg }) => msg === 'worker died, replacing it' || msg === 'store thread failed').length;
    } finally {
      shim.disarm();
      await server.close();
    }
  }
}

/** What a failed sync leaves behind: octets that the system could not write, and has forgotten. */
function forget(server: FaultServer, records: readonly JournalRecord[]): number {
  let forgotten = 0;
  for (const { place } of records) {
    const path = join(resolve(journalFolder(server), place.home), place.maildir, place.folder, place.file);
    try {
      truncateSync(path);
      forgotten++;
    } catch {}
  }
  return forgotten;
}

const recordsOf = (server: FaultServer, isOne: (name: string, octets: number) => boolean): JournalRecord[] =>
  (existsSync(journalFolder(server)) ? readdirSync(journalFolder(server)) : []).flatMap((name) => {
    const records = readSegment(join(journalFolder(server), name))?.records ?? [];
    return isOne(
      name,
      records.reduce((sum, { octets }) => sum + octets.length, 0),
    )
      ? records
      : [];
  });

/** @param again the second sync fails as well: the messages wait in the journal for the next start */
async function failingSync(shim: Shim, count: Count, again: boolean): Promise<number> {
  const server = await faultServer({ accounts: [account], workers: 1, env: shim.env });
  try {
    const replies: string[] = [];
    shim.arm({ calls: ['syncfs'], error: 'EIO', path: mailFolder(server), delay: again ? 0 : 1500, times: again ? 1e6 : 1 });
    const taken: number[] = [];
    for (let from = 0; from < 3000 && shim.hits.count === 0; from += 40)
      taken.push(...(await send(server, from, 40, long, (reply) => replies.push(reply))));
    if (shim.hits.count === 0) throw new Error('the mail was never synced');
    count.faults++;
    let forgotten = 0;
    if (again) {
      // Mail goes on without the journal.
      taken.push(...(await send(server, 5000, 20, short, (reply) => replies.push(reply))));
      for (let i = 0; i < 200 && (await metric(server, 'rewrite')) === 0; i++) await sleep(50);
      if ((await metric(server, 'rewrite')) === 0) count.uncounted++;
      await server.killAll();
      shim.disarm();
      forgotten = forget(
        server,
        recordsOf(server, (name) => name.endsWith('.kept')),
      );
      await server.start();
    } else {
      // The full ones are what it syncs: one more may have been begun.
      forgotten = forget(
        server,
        recordsOf(server, (_, octets) => octets > 7 << 20),
      );
      for (let i = 0; i < 200 && (await metric(server, 'sync')) === 0; i++) await sleep(50);
      if ((await metric(server, 'sync')) === 0) count.uncounted++;
      for (let i = 0; i < 200 && there(server).half > 0; i++) await sleep(50);
    }
    const { whole, half } = there(server);
    count.acknowledged += taken.length;
    count.refused += replies.filter((reply) => !reply.startsWith('250')).length;
    count.wronglyRefused += replies.filter((reply) => !reply.startsWith('250')).length;
    count.lost += taken.filter((n) => !whole.has(n)).length;
    count.twice += [...whole.values()].filter((times) => times > 1).length;
    count.half += half;
    return forgotten;
  } finally {
    shim.disarm();
    await server.close();
  }
}

async function failingJournal(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-shim-'));
  const shim = new Shim(dir);
  const count: Count = {
    faults: 0,
    acknowledged: 0,
    refused: 0,
    lost: 0,
    twice: 0,
    half: 0,
    wronglyRefused: 0,
    odd: 0,
    uncounted: 0,
    workersDied: 0,
  };
  try {
    await failingWrites(shim, count);
    const rewritten = await failingSync(shim, count, false);
    const kept = await failingSync(shim, count, true);
    return figures(
      { ...count, 'forgotten by the system': rewritten, 'until the next start': kept },
      ['lost', 'twice', 'half', 'wronglyRefused', 'odd', 'uncounted', 'workersDied'],
      {},
      { faults: variants.length + 2, refused: 1, 'forgotten by the system': 100, 'until the next start': 100 },
    );
  } finally {
    shim.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

export const failingJournalTests: readonly FaultTest[] = [{ name: 'failing-journal', run: failingJournal }];
