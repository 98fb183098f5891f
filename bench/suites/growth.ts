// The same work at 1, 10 and 100 times the messages of a mailbox, the accounts and the length of the queue.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { message } from '../drivers/corpus.ts';
import { fillMaildir } from '../drivers/fill.ts';
import { ImapClient } from '../drivers/imap.ts';
import { startBenchSink } from '../drivers/sink.ts';
import { remoteDomain, smtpLoad } from '../drivers/smtp.ts';
import type { Growth } from '../growth.ts';
import { cpuOf } from '../process.ts';
import { median } from '../report.ts';
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

/** Costs of one size, by work. */
class Costs {
  readonly #server: BenchServer;
  readonly found = new Map<string, { readonly ms: number; readonly cpu: number }>();

  constructor(server: BenchServer) {
    this.#server = server;
  }

  /** Cost of one of `repeat` times; the first two are not counted, they find things cold. */
  async each(work: string, repeat: number, run: (n: number) => Promise<unknown>): Promise<void> {
    for (let n = 0; n < 2; n++) await run(n);
    const before = cpuOf(this.#server.pids);
    const took: number[] = [];
    for (let n = 0; n < repeat; n++) {
      const start = performance.now();
      await run(n + 2);
      took.push(performance.now() - start);
    }
    this.found.set(work, { ms: median(took), cpu: (cpuOf(this.#server.pids) - before) / repeat });
  }

  /** Cost of one of `count` that `run` does together. */
  async all(work: string, count: number, run: () => Promise<unknown>): Promise<void> {
    const before = cpuOf(this.#server.pids);
    const start = performance.now();
    await run();
    this.found.set(work, { ms: (performance.now() - start) / count, cpu: (cpuOf(this.#server.pids) - before) / count });
  }
}

function rowsOf(sizes: readonly Costs[]): Growth[] {
  return [...sizes[0]!.found.keys()].flatMap((work) => [
    { work, unit: 'ms' as const, costs: sizes.map(({ found }) => found.get(work)!.ms) },
    { work, unit: 'ms CPU' as const, costs: sizes.map(({ found }) => found.get(work)!.cpu) },
  ]);
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

/** What one user does with a mailbox that holds `messages`. */
async function mailbox(server: BenchServer, user: number, messages: number, stock: string): Promise<Costs> {
  const costs = new Costs(server);
  await fillMaildir(server, account(user), messages, stock);
  const client = await clientOf(server, account(user));
  await client.command('SELECT INBOX');
  // Until the headers and words of all are read: what follows is not to be measured beside that.
  await client.command('SEARCH BODY needle');
  await sleep(2500);
  await costs.all('delivery', 200, () => deliver(server, 200, 1, user));
  await sleep(2500);
  await costs.each('SELECT', 30, () => client.command('SELECT INBOX'));
  await costs.each('NOOP', 50, () => client.command('NOOP'));
  await costs.each('STATUS', 30, () => client.command('STATUS INBOX (MESSAGES UNSEEN UIDNEXT)'));
  await costs.each('FETCH of the newest 50', 30, () => client.command(`FETCH ${messages - 49}:${messages} (UID FLAGS ENVELOPE)`));
  await costs.each('FETCH of one body', 30, (n) => client.command(`FETCH ${messages - n} BODY.PEEK[]`));
  await costs.each('STORE of one', 30, (n) => client.command(`STORE ${messages - n} +FLAGS (\\Flagged)`));
  await costs.each('APPEND of one', 30, (n) => client.append('INBOX', message(n)));
  await costs.each('EXPUNGE of one', 30, async (n) => {
    await client.command(`STORE ${n + 1} +FLAGS (\\Deleted)`);
    await client.command('EXPUNGE');
  });
  client.close();
  return costs;
}

async function mailboxes(bench: GrowthBench, scale: number): Promise<GrowthTable> {
  const counts = [1000, 10_000, 100_000].map((count) => Math.max(60, Math.round(count * scale)));
  const server = await start(bench, 'mailboxes', 3, {});
  try {
    const stock = join(bench.root, 'stock');
    const sizes: Costs[] = [];
    for (const [user, count] of counts.entries()) sizes.push(await mailbox(server, user, count, stock));
    return { name: 'messages in a mailbox', sizes: counts.map(String), rows: rowsOf(sizes) };
  } finally {
    await server.stop();
  }
}

async function accounts(bench: GrowthBench, scale: number): Promise<GrowthTable> {
  const counts = [200, 2000, 20_000].map((count) => Math.max(100, Math.round(count * scale)));
  const sizes: Costs[] = [];
  for (const count of counts) {
    const server = await start(bench, `accounts-${count}`, count, {});
    try {
      const costs = new Costs(server);
      await deliver(server, 50, 20);
      await costs.all('delivery to 20 accounts', 1000, () => deliver(server, 1000, 20));
      await costs.all('first delivery to an account', 40, () => deliver(server, 40, 40, count - 40));
      await costs.each('login, SELECT, LOGOUT', 30, async (n) => {
        const client = await clientOf(server, account(n % 10));
        await client.command('SELECT INBOX');
        await client.command('LOGOUT');
        client.close();
      });
      sizes.push(costs);
    } finally {
      await server.stop();
      rmSync(join(bench.root, `accounts-${count}`), { recursive: true, force: true });
    }
  }
  return { name: 'accounts', sizes: counts.map(String), rows: rowsOf(sizes) };
}

/** Mail that waits for a server that does not answer, and beside it mail for one that does. */
async function queue(bench: GrowthBench, scale: number): Promise<GrowthTable> {
  const counts = [200, 2000, 20_000].map((count) => Math.max(20, Math.round(count * scale)));
  const [open, shut] = (await freePorts(2)) as [number, number];
  const extra = `[relay]\ntransport = { "${remoteDomain(0)}" = "[127.0.0.1]:${open}", "${remoteDomain(1)}" = "[127.0.0.1]:${shut}" }\n`;
  const server = await start(bench, 'queue', 1, { extra });
  const sink = await startBenchSink({ port: open, addresses: ['127.0.0.1'], tls: null });
  const load = { ...kept, port: server.ports.submission!, accounts: 1, login: true };
  try {
    const sizes: Costs[] = [];
    let waiting = 0;
    for (const count of counts) {
      const { accepted } = await smtpLoad({ ...load, messages: count - waiting, recipient: `waits@${remoteDomain(1)}` });
      waiting += accepted;
      // Until the attempts at those are over.
      await sleep(3000);
      const costs = new Costs(server);
      sink.reset();
      const messages = 500;
      await costs.all('mail accepted and sent on', messages, async () => {
        await smtpLoad({ ...load, messages, recipient: `goes@${remoteDomain(0)}` });
        const patience = performance.now() + 60_000;
        while (sink.state().messages < messages && performance.now() < patience) await sleep(5);
      });
      if (sink.state().messages < messages) throw new Error(`${sink.state().messages} of ${messages} came out of a queue of ${count}`);
      await costs.all('a second with nothing to do', 5, () => sleep(5000));
      sizes.push(costs);
    }
    return { name: 'mail waiting in the queue', sizes: counts.map(String), rows: rowsOf(sizes) };
  } finally {
    await sink.close();
    await server.stop();
  }
}

function start(bench: GrowthBench, name: string, count: number, more: Partial<PostcoteOptions>): Promise<BenchServer> {
  const { root, certificate, workers, nodeOptions } = bench;
  return startPostcote(join(root, name), count, certificate, { workers, nodeOptions, ...more });
}

export const growthParts = { mailboxes, accounts, queue } as const;

export async function growthSuite(bench: GrowthBench, scale: number, only: RegExp): Promise<GrowthTable[]> {
  const tables: GrowthTable[] = [];
  for (const [name, part] of Object.entries(growthParts)) if (only.test(name)) tables.push(await part(bench, scale));
  return tables;
}
