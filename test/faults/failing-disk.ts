// Calls on files that fail, fall short or take five seconds: what was acknowledged is there after a crash, and others are served.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSink } from '../support/smtp-sink.ts';
import { ImapUser, sendMail } from './clients.ts';
import { flagText, listMailbox, openMailbox } from './drivers.ts';
import { type FaultServer, faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';
import { messageText, wholeMessage } from './ledger.ts';
import { freePorts } from './ports.ts';
import { Shim, type Spoil } from './shim.ts';

const account = 'disk@example.com';

interface Promised {
  next: number;
  readonly mail: Set<number>;
  readonly relayed: Set<number>;
  /** UID to its flags; null: asked for, and no answer that says which. */
  readonly flags: Map<number, string | null>;
  /** UIDs of messages that are still to be expunged, and their numbers. */
  readonly own: [number, number][];
  /** UIDs that must be gone. */
  readonly gone: Set<number>;
  readonly odd: Set<string>;
  said: number;
  refused: number;
}

const fine = /^(250|OK)/;
const expected = /^(4\d\d|NO \[(UNAVAILABLE|OVERQUOTA|LIMIT|INUSE)|closed)/;

/** Of everything that writes, one: delivery, queue, APPEND, STORE, MOVE, EXPUNGE. */
async function everything(server: FaultServer, user: ImapUser, promised: Promised): Promise<void> {
  const note = (what: string, reply: string): boolean => {
    promised.said++;
    if (fine.test(reply)) return true;
    promised.refused++;
    if (!expected.test(reply)) promised.odd.add(`${what}: ${reply.slice(0, 100)}`);
    return false;
  };
  const local = promised.next++;
  if (note('DATA', await sendMail(server.ports.SMTP, account, messageText(local)))) promised.mail.add(local);
  const remote = promised.next++;
  if (note('DATA for others', await sendMail(server.ports.SMTP, 'someone@elsewhere.test', messageText(remote))))
    promised.relayed.add(remote);
  const appended = promised.next++;
  const text = messageText(appended);
  const answer = await user.last(`APPEND INBOX {${text.length}+}\r\n${text}`);
  if (!note('APPEND', answer)) return;
  promised.mail.add(appended);
  const uid = Number(/APPENDUID \d+ (\d+)/.exec(answer)?.[1]);
  promised.flags.set(uid, null);
  if (note('STORE', await user.last(`UID STORE ${uid} FLAGS.SILENT (\\Flagged)`))) promised.flags.set(uid, '\\Flagged');
  promised.own.push([uid, appended]);
  if (promised.own.length < 4) return;
  const [old, number] = promised.own.shift()!;
  promised.flags.delete(old);
  if (!note('STORE', await user.last(`UID STORE ${old} +FLAGS.SILENT (\\Deleted)`))) return;
  // From here on it may be gone.
  promised.mail.delete(number);
  if (note('EXPUNGE', await user.last(`UID EXPUNGE ${old}`))) promised.gone.add(old);
}

const variants: readonly (Omit<Spoil, 'path' | 'first'> & { readonly label: string })[] = [
  { label: 'fsync EIO', calls: ['sync'], error: 'EIO', destroy: true },
  { label: 'fsync EIO for good', calls: ['sync'], error: 'EIO', times: 1e6, destroy: true },
  { label: 'write EIO', calls: ['write'], error: 'EIO' },
  { label: 'write ENOSPC', calls: ['write'], error: 'ENOSPC', times: 3 },
  { label: 'write short', calls: ['write'], error: 'short', times: 1e6 },
  { label: 'rename EIO', calls: ['rename'], error: 'EIO' },
  { label: 'rename, link ENOSPC', calls: ['rename', 'link'], error: 'ENOSPC', times: 2 },
  { label: 'open EIO', calls: ['open'], error: 'EIO' },
  { label: 'open EMFILE', calls: ['open'], error: 'EMFILE', times: 3 },
];

async function failing(step: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-shim-'));
  const shim = new Shim(dir);
  const [port] = (await freePorts(1)) as [number];
  const server = await faultServer({
    accounts: [account],
    env: {
      ...shim.env,
      POSTCOTE_RELAY__RELAYHOST: `[127.0.0.1]:${port}`,
      POSTCOTE_RELAY__MINIMAL_BACKOFF_TIME: '1s',
      POSTCOTE_RELAY__MAXIMAL_BACKOFF_TIME: '1s',
    },
  });
  const promised: Promised = {
    next: 0,
    mail: new Set(),
    relayed: new Set(),
    flags: new Map(),
    own: [],
    gone: new Set(),
    odd: new Set(),
    said: 0,
    refused: 0,
  };
  const user = new ImapUser(server.ports.IMAP, account);
  let faults = 0;
  let hit = 0;
  try {
    for (let i = 0; i < 5; i++) await everything(server, user, promised);
    const clean = promised.refused;
    for (const { label, ...spoil } of variants) {
      for (let first = 1; first <= 60; first += step) {
        await sleep(20);
        shim.arm({ ...spoil, path: server.dir, first });
        await everything(server, user, promised);
        const { count } = shim.hits;
        shim.disarm();
        if (count === 0) break;
        faults++;
        hit += Math.min(count, 1000);
        if (promised.odd.size > 8) throw new Error(`${label}: ${[...promised.odd].join(' | ')}`);
      }
    }
    user.close();
    // Nothing that only memory held may count.
    const errors = server.process.log.filter(({ msg }) => msg === 'worker died, replacing it').length;
    await server.killAll();
    const sink = await startSink({}, '127.0.0.1', port);
    await server.start();
    const { client } = await openMailbox(server.ports.IMAP, account, 'INBOX');
    const there = new Map((await listMailbox(client)).map((line) => [line.uid, line]));
    const numbers = new Set([...there.values()].map(({ number }) => number));
    const half: number[] = [];
    for (const uid of there.keys()) {
      const text = (await client.ok(`UID FETCH ${uid} BODY.PEEK[]`)).join('\n');
      const body = text.slice(text.indexOf('\r\n') + 2, text.lastIndexOf(')'));
      if (wholeMessage(body.slice(0, body.lastIndexOf('\r\n') + 2)) === null) half.push(uid);
    }
    client.close();
    for (let i = 0; i < 1200 && sink.received.length < promised.relayed.size; i++) await sleep(50);
    const relayed = new Set(sink.received.map(({ text }) => wholeMessage(text)));
    await sink.close();
    const log = server.logs();
    const rebuilt = log.filter(({ msg }) => String(msg).includes('set aside'));
    const missing = (wanted: ReadonlySet<number>, found: ReadonlySet<number | null>): number =>
      [...wanted].filter((n) => !found.has(n)).length;
    return figures(
      {
        faults,
        callsSpoilt: hit,
        said: promised.said,
        refused: promised.refused,
        acknowledged: promised.mail.size + promised.relayed.size,
        refusedBefore: clean,
        lost: missing(promised.mail, numbers),
        lostFromQueue: missing(promised.relayed, relayed),
        half: half.length,
        flagsLost: [...promised.flags].filter(([uid, flags]) => flags !== null && flagText(there.get(uid)?.flags ?? '') !== flags).length,
        expunged: promised.gone.size,
        returned: [...promised.gone].filter((uid) => there.has(uid)).length,
        indexesMadeAnew: rebuilt.length,
        workersDied: errors,
        oddReplies: promised.odd.size,
      },
      ['refusedBefore', 'indexesMadeAnew', 'lost', 'lostFromQueue', 'half', 'flagsLost', 'returned', 'workersDied', 'oddReplies'],
    );
  } catch (error) {
    (error as Error).message += ` ${[...promised.odd].slice(0, 6).join(' | ')}`;
    throw error;
  } finally {
    shim.disarm();
    user.close();
    await server.close();
    shim.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One flush of one account takes five seconds: how long everyone else waits. */
async function slowDisk(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-shim-'));
  const shim = new Shim(dir);
  const server = await faultServer({ accounts: [account, 'other@example.com'], env: shim.env });
  const users = [account, 'other@example.com'].map((name) => new ImapUser(server.ports.IMAP, name));
  try {
    for (const [i, name] of [account, 'other@example.com'].entries()) {
      await sendMail(server.ports.SMTP, name, messageText(i));
      await users[i]!.last('NOOP');
    }
    const time = async (work: () => Promise<string>): Promise<number> => {
      const began = performance.now();
      const said = await work();
      if (!fine.test(said)) throw new Error(said);
      return Math.round(performance.now() - began);
    };
    shim.arm({ calls: ['sync'], error: 'slow', delay: 5000, path: `${server.dir}/mail/example.com/disk` });
    const slow = time(() => sendMail(server.ports.SMTP, account, messageText(10)));
    for (let i = 0; i < 100 && shim.hits.count === 0; i++) await sleep(20);
    // What came in the first moment shares a thread with the one that waits.
    await sleep(700);
    const spoilt = shim.hits.count;
    const served: Record<string, number> = { login: 0, ownLogin: 0, noop: 0, fetch: 0, otherStore: 0, otherDelivery: 0 };
    const worst = (name: string, took: number): void => {
      served[name] = Math.max(served[name]!, took);
    };
    for (let i = 0; i < 6; i++) {
      for (const user of users) {
        worst('noop', await time(() => user.last('NOOP')));
        worst('fetch', await time(() => user.last('FETCH 1 (UID FLAGS ENVELOPE BODY.PEEK[])')));
      }
      for (const [name, of] of [
        ['login', 'other@example.com'],
        ['ownLogin', account],
      ] as const) {
        const fresh = new ImapUser(server.ports.IMAP, of);
        worst(name, await time(() => fresh.last('NOOP')));
        fresh.close();
      }
      worst('otherStore', await time(() => users[1]!.last(`STORE 1 ${i % 2 === 0 ? '+' : '-'}FLAGS (\\Seen)`)));
      worst('otherDelivery', await time(() => sendMail(server.ports.SMTP, 'other@example.com', messageText(20 + i))));
    }
    const took = await slow;
    return figures(
      {
        flushesHeld: spoilt,
        deliveryMs: took,
        ...Object.fromEntries(Object.entries(served).map(([name, ms]) => [`${name}Ms`, ms])),
        errors: server.errors().length,
      },
      ['errors'],
      { loginMs: 1000, noopMs: 1000, fetchMs: 1000, otherStoreMs: 1000, otherDeliveryMs: 1000 },
      { flushesHeld: 1, deliveryMs: 4900 },
    );
  } finally {
    shim.disarm();
    for (const user of users) user.close();
    await server.close();
    shim.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

export const failingDiskTests: readonly FaultTest[] = [
  { name: 'failing-disk', run: ({ long }) => failing(long ? 1 : 4) },
  { name: 'slow-disk', run: slowDisk },
];
