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
    const missing = (wanted: ReadonlySet<number>, found: ReadonlySet<number | null>): number =>
      [...wanted].filter((n) => !found.has(n)).length;
    // More may come than was promised: what was queued without a reply.
    const relayed = new Set<number | null>();
    for (let i = 0; i < 600 && missing(promised.relayed, relayed) > 0; i++) {
      await sleep(100);
      for (const { text } of sink.received.splice(0)) relayed.add(wholeMessage(text));
    }
    await sink.close();
    const log = server.logs();
    const rebuilt = log.filter(({ msg }) => String(msg).includes('set aside'));
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

/** What an account waits for while its disk takes five seconds. */
const held: readonly { readonly name: string; readonly run: (server: FaultServer, user: ImapUser) => Promise<string> }[] = [
  { name: 'store', run: (_, user) => user.last('STORE 1 FLAGS (\\Answered)') },
  // Too long for the journal: its file is synced.
  {
    name: 'delivery',
    run: ({ ports }) => sendMail(ports.SMTP, account, `Subject: long\r\n\r\n${'line\r\n'.repeat(50_000)}`),
  },
];

/** One flush of one account takes five seconds: how long everyone else waits, asked at once (docs/decisions/0027) and later; then it fails. */
async function slowDisk(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-shim-'));
  const shim = new Shim(dir);
  const others = ['other@example.com', 'reader@example.com', 'calm@example.com'];
  const server = await faultServer({ accounts: [account, ...others], workers: 1, env: shim.env });
  const users = [account, ...others].map((name) => new ImapUser(server.ports.IMAP, name));
  const [other, , calm] = users.slice(1) as [ImapUser, ImapUser, ImapUser];
  const worst: Record<string, number> = {};
  let flushesHeld = 0;
  let acknowledgedAfterFailure = 0;
  let numbers = 20;
  const time = async (name: string, work: () => Promise<string>): Promise<void> => {
    const began = performance.now();
    const said = await work();
    if (!fine.test(said)) throw new Error(`${name}: ${said}`);
    worst[name] = Math.max(worst[name] ?? 0, Math.round(performance.now() - began));
  };
  const login = async (of: string): Promise<string> => {
    const fresh = new ImapUser(server.ports.IMAP, of);
    const said = await fresh.last('NOOP');
    fresh.close();
    return said;
  };
  const path = `${server.dir}/mail/example.com/disk`;
  try {
    for (const [i, name] of [account, ...others].entries()) {
      await sendMail(server.ports.SMTP, name, messageText(i));
      await users[i]!.last('NOOP');
    }
    for (const { name, run } of held) {
      // Renames and words of before are done by then.
      await sleep(2500);
      shim.arm({ calls: ['sync'], error: 'slow', delay: 5000, path });
      const began = performance.now();
      const slow = time(`${name}Held`, () => run(server, users[0]!));
      for (let i = 0; i < 100 && shim.hits.count === 0; i++) await sleep(10);
      flushesHeld += shim.hits.count;
      const first = [
        time('firstRead', () => users[2]!.last('FETCH 1 (UID FLAGS ENVELOPE BODY.PEEK[])')),
        time('firstDelivery', () => sendMail(server.ports.SMTP, 'other@example.com', messageText(numbers++))),
      ];
      await sleep(Math.max(0, began + 800 - performance.now()));
      for (let i = 0; i < 6; i++) {
        await time('noop', () => calm.last('NOOP'));
        await time('fetch', () => calm.last('FETCH 1 (UID FLAGS ENVELOPE BODY.PEEK[])'));
        if (name === 'delivery') await time('ownFetch', () => users[0]!.last('FETCH 1 (UID FLAGS ENVELOPE BODY.PEEK[])'));
      }
      await Promise.all(first);
      await slow;
    }
    // The first delivery may have gone along: others again, asked later.
    await sleep(2500);
    shim.arm({ calls: ['sync'], error: 'slow', delay: 5000, path });
    const slow = time('deliveryHeld', () => held[1]!.run(server, users[0]!));
    for (let i = 0; i < 100 && shim.hits.count === 0; i++) await sleep(10);
    flushesHeld += shim.hits.count;
    await sleep(700);
    const ownLogin = time('ownLogin', () => login(account));
    for (let i = 0; i < 6; i++) {
      await time('login', () => login('other@example.com'));
      await time('otherStore', () => other.last(`STORE 1 ${i % 2 === 0 ? '+' : '-'}FLAGS (\\Seen)`));
      await time('otherDelivery', () => sendMail(server.ports.SMTP, 'other@example.com', messageText(numbers++)));
    }
    await Promise.all([slow, ownLogin]);
    for (const { run } of held) {
      await sleep(2500);
      shim.arm({ calls: ['sync'], error: 'EIO', delay: 2000, times: 1e6, path });
      const said = await run(server, users[0]!);
      if (!expected.test(said)) acknowledgedAfterFailure++;
      shim.disarm();
    }
    // Said and logged is what the failures were for.
    const errors = server.errors().filter(({ msg }) => !/sync/.test(String(msg)));
    return figures(
      {
        flushesHeld,
        ...Object.fromEntries(Object.entries(worst).map(([name, ms]) => [`${name}Ms`, ms])),
        acknowledgedAfterFailure,
        errors: errors.length,
      },
      ['errors', 'acknowledgedAfterFailure'],
      {
        firstReadMs: 1000,
        firstDeliveryMs: 5500,
        ownFetchMs: 1000,
        ...Object.fromEntries(['login', 'noop', 'fetch', 'otherStore', 'otherDelivery'].map((name) => [`${name}Ms`, 1000])),
      },
      { flushesHeld: 3, storeHeldMs: 4900, deliveryHeldMs: 4900 },
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
