// Many clients in IDLE: what each costs in memory, how soon new mail is told.
import { setTimeout as sleep } from 'node:timers/promises';
import { message } from '../drivers/corpus.ts';
import { ImapClient } from '../drivers/imap.ts';
import { delayNote, watchLoop, worstDelay } from '../loop.ts';
import { memoryOf } from '../process.ts';
import { median, type Row } from '../report.ts';
import { account, type BenchServer, type LoopDelay, password } from '../servers/server.ts';

interface Measured {
  /** KiB a connection. */
  readonly memory: number;
  /** MiB, the server in all. */
  readonly resident: number;
  /** Milliseconds from APPEND's OK to EXISTS, median over clients. */
  readonly delay: number;
  readonly loop: LoopDelay | null;
}

async function once(server: BenchServer, count: number, accounts: number, tls: boolean): Promise<Measured> {
  await server.restart();
  const clients: ImapClient[] = [];
  const open = async (n: number): Promise<ImapClient> => {
    const client = await ImapClient.open(tls ? server.ports.imaps! : server.ports.imap!, tls);
    await client.login(account(n % accounts), password);
    await client.command('SELECT INBOX');
    return client;
  };
  // The accounts are open and warm in every worker before memory is counted.
  for (let n = 0; n < accounts * 6; n++) (await open(n)).close();
  await sleep(7000);
  const before = memoryOf(server.pids);
  const loop = await watchLoop(server);
  for (let n = 0; n < count; n += 20) {
    clients.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(20, count - n) }, async (_, k) => {
          const client = await open(n + k);
          await client.idle();
          return client;
        }),
      )),
    );
  }
  await sleep(7000);
  const resident = memoryOf(server.pids);
  const memory = (resident - before) / count / 1024;
  const delays: number[] = [];
  const writer = await ImapClient.open(server.ports.imap!);
  await writer.login(account(0), password);
  const listening = clients.filter((_, n) => n % accounts === 0);
  for (let round = 0; round < 5; round++) {
    let start = 0;
    const told = listening.map(
      (client) =>
        new Promise<void>((resolve) => {
          client.onLine = (line) => {
            if (!line.includes('EXISTS')) return;
            delays.push(Math.max(0, performance.now() - start));
            resolve();
          };
        }),
    );
    start = performance.now();
    await writer.append('INBOX', message(round));
    start = Math.min(performance.now(), start + 1e9);
    await Promise.all(told);
    await sleep(200);
  }
  writer.close();
  for (const client of clients) client.close();
  return { memory, resident: resident / 1024 / 1024, delay: median(delays), loop: await loop() };
}

export interface IdleOptions {
  /** Connections at scale 1. */
  readonly count: number;
  readonly tls: boolean;
}

/** Ten thousand under TLS: `npm run bench idle -- --peer none --tls --count 10000 --runs 1`, with as many descriptors (ulimit -n). */
export async function idleSuite(
  ours: BenchServer,
  peer: BenchServer | null,
  runs: number,
  scale: number,
  { count: wanted, tls }: IdleOptions,
): Promise<Row[]> {
  const servers = peer === null ? [ours] : [ours, peer];
  const count = Math.round(wanted * scale);
  const kind = `${count} IDLE connections${tls ? ' under TLS' : ''}`;
  const results: Measured[][] = servers.map(() => []);
  for (let run = 0; run < runs; run++)
    for (const [index, server] of servers.entries()) results[index]!.push(await once(server, count, 20, tls));
  const row = (work: string, unit: string, target: number | null, pick: (m: Measured) => number): Row => ({
    work,
    unit,
    higher: false,
    target,
    ours: results[0]!.map(pick),
    peer: (results[1] ?? []).map(pick),
    peerName: peer?.name ?? '',
  });
  return [
    row(`${kind}, memory each`, 'KiB', 0.06, (m) => m.memory),
    row(`${kind}, resident in all`, 'MiB', null, (m) => m.resident),
    {
      ...row(`${kind}, new mail to EXISTS`, 'ms', 0.04, (m) => m.delay),
      notes: delayNote(worstDelay(results[0]!.flatMap(({ loop }) => loop ?? []))),
    },
  ];
}
