// The same work at 1, 10 and 100 times the messages of a mailbox, the mailboxes of an account, the accounts and the length of the queue.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { message } from '../drivers/corpus.ts';
import { fillMaildir } from '../drivers/fill.ts';
import { ImapClient } from '../drivers/imap.ts';
import { startBenchSink } from '../drivers/sink.ts';
import { remoteDomain, smtpLoad } from '../drivers/smtp.ts';
import type { Growth } from '../growth.ts';
import { cpuOf, untilAtRest } from '../process.ts';
import { freePorts } from '../servers/ports.ts';
import { type PostcoteOptions, startPostcote } from '../servers/postcote.ts';
import { account, type BenchServer, password } from '../servers/server.ts';

export interface GrowthBench {
  readonly root: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  readonly workers: number;
  readonly nodeOptions: string;
}

export interface GrowthTable {
  readonly name: string;
  readonly sizes: readonly string[];
  readonly rows: readonly Growth[];
}

/** Where a work is done at one size. */
interface Place {
  readonly server: BenchServer;
}

interface Work<P extends Place> {
  readonly name: string;
  /** Operations that one `run` is. */
  readonly count?: number;
  /** Runs in one round at most. */
  readonly most: number;
  /** The server's processes are new after it: what they took is all theirs. */
  readonly restarts?: true;
  /** @param n grows by one each time, and goes on in the next round */
  readonly run: (place: P, n: number) => Promise<unknown>;
}

/**
 * Each size in each round, so that what else goes on counts for all; the first round finds things cold and is not counted. Of the
 * others the least counts: whatever else the machine does adds to it.
 */
const rounds = 3;
/** Milliseconds of the server's CPU that one look needs to tell. */
const enough = 60;

/** Costs of each work at each place. */
async function measured<P extends Place>(places: readonly P[], works: readonly Work<P>[]): Promise<Growth[]> {
  const rows: Growth[] = [];
  for (const { name, count = 1, most, restarts, run } of works) {
    const costs = places.map(() => ({ cpu: [] as number[], clock: [] as number[] }));
    const runs = places.map(() => 0);
    for (let round = 0; round < rounds; round++) {
      for (const [size, place] of places.entries()) {
        const { server } = place;
        const spent = (): number => cpuOf(server.pids);
        const before = restarts ? 0 : spent();
        const start = performance.now();
        let n = 0;
        while (n < most && (n === 0 || n % 4 > 0 || spent() - before < enough)) {
          await run(place, runs[size]!++);
          n++;
        }
        const clock = (performance.now() - start) / n / count;
        if (round > 0) costs[size]!.clock.push(clock);
        if (round > 0) costs[size]!.cpu.push((spent() - before) / n / count);
      }
    }
    rows.push({ work: name, cpu: costs.map(({ cpu }) => Math.min(...cpu)), clock: costs.map(({ clock }) => Math.min(...clock)) });
    console.error(
      `${name}: ${rows
        .at(-1)!
        .cpu.map((ms) => ms.toFixed(3))
        .join(' ')} ms of CPU`,
    );
  }
  return rows;
}

const kept = { size: 4096, sessions: 10, perConnection: Number.POSITIVE_INFINITY, login: false };

async function deliver(server: BenchServer, messages: number, accounts: number, firstAccount = 0): Promise<void> {
  const { accepted } = await smtpLoad({ ...kept, port: server.ports.smtp!, messages, accounts, firstAccount });
  if (accepted !== messages) throw new Error(`${accepted} of ${messages} messages accepted`);
}

async function clientOf(server: BenchServer, user: string): Promise<ImapClient> {
  const client = await ImapClient.open(server.ports.imap!);
  await client.login(user, password);
  return client;
}

function start(
  { root, certificate, workers, nodeOptions }: GrowthBench,
  name: string,
  accounts: number,
  more: Partial<PostcoteOptions> = {},
): Promise<BenchServer> {
  return startPostcote(join(root, name), accounts, certificate, { workers, nodeOptions, ...more });
}

const sizesOf = (smallest: number, scale: number, least: number): number[] =>
  [1, 10, 100].map((factor) => Math.max(least, Math.round(smallest * factor * scale)));

interface MailboxPlace extends Place {
  readonly client: ImapClient;
  readonly user: number;
  readonly messages: number;
}

const commandOf =
  (text: (place: MailboxPlace, n: number) => string) =>
  (place: MailboxPlace, n: number): Promise<unknown> =>
    place.client.command(text(place, n));

/** What one user does with a mailbox that holds many messages. */
const inMailbox: readonly Work<MailboxPlace>[] = [
  { name: 'SELECT', most: 200, run: commandOf(() => 'SELECT INBOX') },
  { name: 'NOOP', most: 500, run: commandOf(() => 'NOOP') },
  { name: 'STATUS', most: 200, run: commandOf(() => 'STATUS INBOX (MESSAGES UNSEEN UIDNEXT)') },
  {
    name: 'FETCH of the newest 50',
    most: 100,
    run: commandOf(({ messages }) => `FETCH ${messages - 49}:${messages} (UID FLAGS ENVELOPE)`),
  },
  { name: 'FETCH of one body', most: 200, run: commandOf(({ messages }, n) => `FETCH ${messages - (n % 50)} BODY.PEEK[]`) },
  { name: 'SEARCH of the newest 50', most: 100, run: commandOf(({ messages }) => `SEARCH ${messages - 49}:* SUBJECT copper`) },
  {
    name: 'STORE of one',
    most: 50,
    run: commandOf(({ messages }, n) => `STORE ${messages - (n % 50)} ${n % 2 ? '-' : '+'}FLAGS (\\Flagged)`),
  },
  { name: 'APPEND of one', most: 20, run: ({ client }, n) => client.append('INBOX', message(n)) },
  { name: 'COPY of one', most: 20, run: commandOf(({ messages }, n) => `COPY ${messages - (n % 50)} Drafts`) },
  {
    name: 'EXPUNGE of one',
    most: 10,
    async run({ client }, n) {
      await client.command(`STORE ${n + 1} +FLAGS (\\Deleted)`);
      await client.command('EXPUNGE');
    },
  },
  { name: 'delivery', most: 1, count: 200, run: ({ server, user }) => deliver(server, 200, 1, user) },
  {
    name: 'delivery, heard of by NOOP',
    most: 20,
    async run({ server, client, user }) {
      await deliver(server, 1, 1, user);
      await client.command('NOOP');
    },
  },
];

/** Works in one account of one server for each size; `open` lays out a user's mailboxes and says how many messages the one worked in has. */
async function inAccounts(
  name: string,
  server: BenchServer,
  counts: readonly number[],
  works: readonly Work<MailboxPlace>[],
  open: (user: number, count: number) => Promise<Pick<MailboxPlace, 'client' | 'messages'>>,
): Promise<GrowthTable> {
  try {
    const places: MailboxPlace[] = [];
    for (const [user, count] of counts.entries()) places.push({ server, user, ...(await open(user, count)) });
    await untilAtRest(server);
    const rows = await measured(places, works);
    for (const { client } of places) client.close();
    return { name, sizes: counts.map(String), rows };
  } finally {
    await server.stop();
  }
}

async function messages(bench: GrowthBench, scale: number, works: readonly Work<MailboxPlace>[]): Promise<GrowthTable> {
  const counts = sizesOf(1000, scale, 100);
  const server = await start(bench, 'messages', counts.length);
  return inAccounts('messages in a mailbox', server, counts, works, async (user, count) => {
    await fillMaildir(server, account(user), count, join(bench.root, 'stock'));
    const client = await clientOf(server, account(user));
    await client.command('SELECT INBOX');
    // Until the headers and words of all are read: what follows is not to be measured beside that.
    await client.command('SEARCH BODY needle');
    return { client, messages: count };
  });
}

/** What one user of many mailboxes does with one of them. */
const amongFolders: readonly Work<MailboxPlace>[] = [
  { name: 'SELECT', most: 200, run: commandOf(() => 'SELECT Box7') },
  { name: 'NOOP', most: 500, run: commandOf(() => 'NOOP') },
  { name: 'STATUS', most: 200, run: commandOf(() => 'STATUS Box8 (MESSAGES UNSEEN UIDNEXT)') },
  { name: 'LIST of one', most: 200, run: commandOf(() => 'LIST "" Box9') },
  { name: 'GETQUOTAROOT', most: 200, run: commandOf(() => 'GETQUOTAROOT INBOX') },
  { name: 'APPEND of one', most: 20, run: ({ client }, n) => client.append('Box7', message(n)) },
  { name: 'STORE of one', most: 50, run: commandOf((_, n) => `STORE 1 ${n % 2 ? '-' : '+'}FLAGS (\\Flagged)`) },
  { name: 'COPY of one', most: 20, run: commandOf(() => 'COPY 1 Box8') },
  {
    name: 'APPEND and MOVE',
    most: 20,
    async run({ client }, n) {
      await client.append('Box7', message(n));
      await client.command('MOVE * Box8');
    },
  },
  {
    name: 'CREATE and DELETE',
    most: 10,
    async run({ client }, n) {
      await client.command(`CREATE New${n}`);
      await client.command(`DELETE New${n}`);
    },
  },
  { name: 'delivery', most: 1, count: 200, run: ({ server, user }) => deliver(server, 200, 1, user) },
  {
    name: 'login, SELECT, LOGOUT',
    most: 20,
    async run({ server, user }) {
      const client = await clientOf(server, account(user));
      await client.command('SELECT Box7');
      await client.command('LOGOUT');
      client.close();
    },
  },
];

async function folders(bench: GrowthBench, scale: number, works: readonly Work<MailboxPlace>[]): Promise<GrowthTable> {
  const counts = sizesOf(10, scale, 10);
  // With a quota, so that it is looked at.
  const server = await start(bench, 'folders', counts.length, { quota: '10G' });
  return inAccounts('mailboxes of an account', server, counts, works, async (user, count) => {
    const client = await clientOf(server, account(user));
    for (let n = 0; n < count; n += 20)
      await Promise.all(Array.from({ length: Math.min(20, count - n) }, (_, k) => client.command(`CREATE Box${n + k}`)));
    for (let n = 0; n < 4; n++) await client.append('Box7', message(n));
    return { client, messages: 4 };
  });
}

interface AccountsPlace extends Place {
  readonly accounts: number;
}

const amongAccounts: readonly Work<AccountsPlace>[] = [
  { name: 'delivery to 20 accounts', most: 1, count: 500, run: ({ server }) => deliver(server, 500, 20) },
  {
    name: 'first delivery to an account',
    most: 1,
    count: 10,
    run: ({ server, accounts }, n) => deliver(server, 10, 10, accounts - 10 * (n + 1)),
  },
  {
    name: 'login, SELECT, LOGOUT',
    most: 20,
    async run({ server }, n) {
      const client = await clientOf(server, account(n % 10));
      await client.command('SELECT INBOX');
      await client.command('LOGOUT');
      client.close();
    },
  },
  { name: 'two seconds with nothing to do', most: 1, run: () => sleep(2000) },
  { name: 'start of the server', most: 1, restarts: true, run: ({ server }) => server.restart(true) },
];

async function accounts(bench: GrowthBench, scale: number, works: readonly Work<AccountsPlace>[]): Promise<GrowthTable> {
  const counts = sizesOf(200, scale, 100);
  const places: AccountsPlace[] = [];
  try {
    for (const count of counts) places.push({ server: await start(bench, `accounts-${count}`, count), accounts: count });
    return { name: 'accounts', sizes: counts.map(String), rows: await measured(places, works) };
  } finally {
    for (const { server } of places) await server.stop();
  }
}

interface QueuePlace extends Place {
  /** Sends so many through to the sink. */
  readonly relay: (messages: number) => Promise<void>;
}

const besideQueue: readonly Work<QueuePlace>[] = [
  { name: 'mail accepted and sent on', most: 1, count: 300, run: ({ relay }) => relay(300) },
  { name: 'local delivery', most: 1, count: 300, run: ({ server }) => deliver(server, 300, 1) },
  { name: 'two seconds with nothing to do', most: 1, run: () => sleep(2000) },
  { name: 'start of the server', most: 1, restarts: true, run: ({ server }) => server.restart(true) },
];

/** Mail that waits for a server that does not answer, and beside it mail for one that does. */
async function queue(bench: GrowthBench, scale: number, works: readonly Work<QueuePlace>[]): Promise<GrowthTable> {
  const counts = sizesOf(200, scale, 20);
  const [open, shut] = (await freePorts(2)) as [number, number];
  const extra = `[relay]\ntransport = { "${remoteDomain(0)}" = "[127.0.0.1]:${open}", "${remoteDomain(1)}" = "[127.0.0.1]:${shut}" }\n`;
  const sink = await startBenchSink({ port: open, addresses: ['127.0.0.1'], tls: null });
  const places: QueuePlace[] = [];
  try {
    for (const count of counts) {
      const server = await start(bench, `queue-${count}`, 1, { extra });
      const send = async (messages: number, recipient: string): Promise<void> => {
        const { accepted } = await smtpLoad({ ...kept, port: server.ports.submission!, accounts: 1, login: true, messages, recipient });
        if (accepted !== messages) throw new Error(`${accepted} of ${messages} messages accepted`);
      };
      const relay = async (messages: number): Promise<void> => {
        sink.reset();
        await send(messages, `goes@${remoteDomain(0)}`);
        const patience = performance.now() + 60_000;
        while (sink.state().messages < messages && performance.now() < patience) await sleep(5);
        if (sink.state().messages < messages) throw new Error(`${sink.state().messages} of ${messages} came out of a queue of ${count}`);
      };
      places.push({ server, relay });
      await send(count, `waits@${remoteDomain(1)}`);
      // Until the attempts at those are over.
      await untilAtRest(server);
    }
    return { name: 'mail waiting in the queue', sizes: counts.map(String), rows: await measured(places, works) };
  } finally {
    await sink.close();
    for (const { server } of places) await server.stop();
  }
}

/** One part: what of its works is wanted, at all sizes. */
interface Part {
  readonly name: string;
  run(bench: GrowthBench, scale: number, only: RegExp): Promise<GrowthTable | null>;
}

function part<P extends Place>(
  name: string,
  works: readonly Work<P>[],
  run: (bench: GrowthBench, scale: number, works: readonly Work<P>[]) => Promise<GrowthTable>,
): Part {
  return {
    name,
    async run(bench, scale, only) {
      const wanted = works.filter((work) => only.test(`${name}: ${work.name}`));
      return wanted.length === 0 ? null : run(bench, scale, wanted);
    },
  };
}

const parts: readonly Part[] = [
  part('messages', inMailbox, messages),
  part('folders', amongFolders, folders),
  part('accounts', amongAccounts, accounts),
  part('queue', besideQueue, queue),
];

/** @param only of works as `folders: delivery` */
export async function growthSuite(bench: GrowthBench, scale: number, only: RegExp): Promise<GrowthTable[]> {
  const tables: GrowthTable[] = [];
  for (const one of parts) {
    const table = await one.run(bench, scale, only);
    if (table !== null) tables.push(table);
  }
  return tables;
}
