// Kills workers and the whole under load of every kind, then holds what is there against every positive reply.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { flagText, imapDriver, type Load, listMailbox, openMailbox, pop3Driver, smtpDriver } from './drivers.ts';
import { answers, faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';
import { type Found, Ledger, place, wholeMessage } from './ledger.ts';

const imapAccounts = ['k0', 'k1', 'k2', 'k3'].map((name) => `${name}@example.com`);
const popAccounts = ['p0', 'p1'].map((name) => `${name}@example.com`);
const accounts = [...imapAccounts, ...popAccounts];

/** Whom SIGKILL meets, in turns; `thread` are the store threads of a worker, which are ended within it. */
type Kind = 'worker' | 'whole' | 'primary' | 'thread';

/** Errors in the log that say what its end led to. */
const threadMessages: ReadonlySet<unknown> = new Set(['store thread failed', 'deleted messages not removed']);

export interface AccountingOptions {
  readonly kinds: readonly Kind[];
  readonly rounds: number;
  readonly clients: number;
  /** Milliseconds of load before each kill. */
  readonly load: number;
  /** Messages a second at least, while it serves. */
  readonly least: number;
}

export async function accounting({ kinds, rounds, clients, load: pause, least }: AccountingOptions): Promise<string> {
  const killer = fileURLToPath(new URL('thread-killer.ts', import.meta.url));
  const server = await faultServer({
    accounts,
    env: { POSTCOTE_POP3__UIDL_FORMAT: '%08Xu%08Xv', ...(kinds.includes('thread') ? { NODE_OPTIONS: `--import=${killer}` } : {}) },
  });
  const ledger = new Ledger();
  const load: Load = {
    ledger,
    ports: server.ports,
    running: true,
    next: 0,
    refused: 0,
    mayBeThere: kinds.includes('thread'),
    odd: [],
    half: [],
  };
  const drivers = [
    ...Array.from({ length: clients }, () => smtpDriver(load, accounts)),
    ...imapAccounts.map((name) => imapDriver(load, name)),
    ...popAccounts.map((name) => pop3Driver(load, name)),
  ];
  const slowest = new Map<Kind, number>();
  const serving = { messages: 0, seconds: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      const sent = load.next;
      const from = performance.now();
      await sleep(pause);
      serving.messages += load.next - sent;
      serving.seconds += (performance.now() - from) / 1000;
      const killed = performance.now();
      const workers = server.workers();
      const kind = kinds[round % kinds.length]!;
      if (kind === 'worker' || kind === 'thread') process.kill(workers[round % workers.length]!, kind === 'thread' ? 'SIGUSR2' : 'SIGKILL');
      else {
        if (kind === 'whole') await server.killAll();
        else {
          // The workers, store threads and all, are on their own from here.
          process.kill(server.process.pid, 'SIGKILL');
          await server.process.exited;
        }
        await server.start();
      }
      // Several connections, so that each worker's share is among them.
      const back = await Promise.all(
        [...Array(4).fill(server.ports.SMTP), ...Array(4).fill(server.ports.IMAP)].map((port) => answers(port, 30_000)),
      );
      if (back.includes(false)) throw new Error(`no answer 30 s after kill ${round}`);
      slowest.set(kind, Math.max(slowest.get(kind) ?? 0, Math.round(performance.now() - killed)));
    }
  } finally {
    load.running = false;
  }
  await Promise.all(drivers);

  const found: Found[] = [];
  for (const account of accounts) {
    for (const box of ['INBOX', 'Archive']) {
      const { client, validity } = await openMailbox(server.ports.IMAP, account, box);
      for (const { uid, number, flags } of await listMailbox(client)) {
        found.push({ at: place(account, box, validity, uid), number, flags: flagText(flags) });
      }
      client.close();
    }
  }
  const popCounts = await Promise.all(accounts.map((account) => popCount(server.ports.POP3, account)));
  let popDiffers = 0;
  for (const [i, account] of accounts.entries()) {
    if (found.filter(({ at }) => at.startsWith(`${account} INBOX `)).length !== popCounts[i]) popDiffers++;
  }
  const threadsEnded = server.logs().filter(({ msg }) => msg === 'store thread failed').length;
  const errors = server.errors().filter(({ msg }) => !(kinds.includes('thread') && threadMessages.has(msg)));
  server.process.kill('SIGTERM');
  await server.process.exited;
  let files = 0;
  for (const account of accounts) {
    for (const folder of ['new', 'cur', '.Archive/new', '.Archive/cur']) {
      const path = join(server.dir, 'mail/example.com', account.split('@')[0]!, 'Maildir', folder);
      for (const name of readdirSync(path)) {
        files++;
        if (wholeMessage(readFileSync(join(path, name), 'latin1')) === null) load.half.push(join(path, name));
      }
    }
  }
  const result = ledger.check(found);
  const values = {
    kills: rounds,
    'messages/s': Math.round(serving.messages / serving.seconds),
    acknowledged: ledger.acknowledged,
    there: found.length,
    ...result,
    half: load.half.length,
    uidsReused: ledger.uidsReused,
    uidValidityChanged: ledger.uidValidityChanged,
    filesWithoutRow: files - found.length,
    popDiffers,
    oddReplies: load.odd.length,
    errors: errors.length,
    ...(kinds.includes('thread') ? { refused: load.refused, threadsEnded } : {}),
    ...Object.fromEntries([...slowest].map(([kind, ms]) => [`back, ${kind} ms`, ms])),
  };
  const zero = [
    'lost',
    'returned',
    'duplicates',
    'flagsLost',
    'half',
    'uidsReused',
    'uidValidityChanged',
    'filesWithoutRow',
    'popDiffers',
    'oddReplies',
    'errors',
  ];
  try {
    const line = figures(
      values,
      zero,
      { unacknowledged: rounds * (clients + imapAccounts.length), ...Object.fromEntries(kinds.map((kind) => [`back, ${kind} ms`, 2000])) },
      { 'messages/s': least, ...(kinds.includes('thread') ? { threadsEnded: rounds * 0.8 } : {}) },
    );
    await server.close();
    return line;
  } catch (error) {
    await server.close(true);
    (error as Error).message +=
      `; see ${server.dir} ${[...load.odd, ...load.half, ...errors.map((one) => JSON.stringify(one))].slice(0, 5).join(' | ')}`;
    throw error;
  }
}

async function popCount(port: number, account: string): Promise<number> {
  const { Socket } = await import('node:net');
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = new Socket().connect(port, '127.0.0.1', () => socket.write(`USER ${account}\r\nPASS secret\r\nSTAT\r\nQUIT\r\n`));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(/^\+OK (\d+) \d+\r$/m.exec(text)?.[1] ?? -1)));
  });
}

export const accountingTests: readonly FaultTest[] = [
  {
    name: 'kill',
    run: ({ long, rounds = long ? 1000 : 100 }) =>
      accounting({ kinds: ['worker', 'whole', 'primary'], rounds, clients: 20, load: 1500, least: 300 }),
  },
  {
    name: 'kill-thread',
    run: ({ long, rounds = long ? 200 : 30 }) => accounting({ kinds: ['thread'], rounds, clients: 20, load: 800, least: 50 }),
  },
];
