// SMTP in: messages a second from the first connection until the last file lies in new/.
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SmtpLoad, smtpLoad } from '../drivers/smtp.ts';
import { delayNote, watchLoop, worstDelay } from '../loop.ts';
import { cpuOf, untilAtRest, watchMemory } from '../process.ts';
import { median, type Row, rowsOf } from '../report.ts';
import { account, type BenchServer, type LoopDelay } from '../servers/server.ts';

interface Work {
  readonly name: string;
  readonly load: Omit<SmtpLoad, 'port'>;
  readonly target: number;
}

const kept = Number.POSITIVE_INFINITY;
const works: readonly Work[] = [
  {
    name: 'W1 5,000 × 4 KB, 20 sessions, a connection each',
    target: 2.5,
    load: { messages: 5000, size: 4096, sessions: 20, perConnection: 1, accounts: 10, login: false },
  },
  {
    name: 'W2 the same, connections reused',
    target: 3.5,
    load: { messages: 5000, size: 4096, sessions: 20, perConnection: kept, accounts: 10, login: false },
  },
  {
    name: 'W3 500 × 1 MB, 10 sessions',
    target: 1.4,
    load: { messages: 500, size: 1 << 20, sessions: 10, perConnection: kept, accounts: 10, login: false },
  },
  {
    name: 'W4 5,000 × 4 KB, 100 sessions, 200 mailboxes',
    target: 3.5,
    load: { messages: 5000, size: 4096, sessions: 100, perConnection: kept, accounts: 200, login: false },
  },
  {
    name: 'W5 1,500 × 4 KB, 20 sessions, each STARTTLS + AUTH PLAIN',
    target: 2,
    load: { messages: 1500, size: 4096, sessions: 20, perConnection: 1, accounts: 10, login: true },
  },
  {
    name: 'W7 1,000 × 4 KB, one session',
    target: 2,
    load: { messages: 1000, size: 4096, sessions: 1, perConnection: kept, accounts: 10, login: false },
  },
];

const entries = (dir: string): Dirent[] => {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
};

function delivered(server: BenchServer, accounts: number): number {
  let sum = 0;
  for (let n = 0; n < accounts; n++) sum += entries(join(server.maildir(account(n)), 'new')).length;
  return sum;
}

/** Every number once, every body whole. @param sizeOf of the message with a number */
function contentFaults(server: BenchServer, accounts: number, messages: number, sizeOf: (number: number) => number): string[] {
  const faults: string[] = [];
  const numbers = new Set<number>();
  for (let n = 0; n < accounts; n++) {
    const dir = join(server.maildir(account(n)), 'new');
    for (const entry of entries(dir)) {
      const text = readFileSync(join(dir, entry.name), 'latin1').replaceAll('\r\n', '\n');
      const number = Number(/^X-Number: (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
      if (Number.isNaN(number) || numbers.has(number)) faults.push(`${entry.name}: number ${number}`);
      numbers.add(number);
      const body = text.slice(text.indexOf('\n\n') + 2);
      const line = body.slice(0, body.indexOf('\n') + 1);
      const lines = Math.max(1, Math.floor((sizeOf(number) - 300) / (line.length + 1)));
      if (body !== line.repeat(lines)) faults.push(`${entry.name}: body`);
    }
  }
  if (numbers.size !== messages) faults.push(`${numbers.size} of ${messages} messages`);
  return faults;
}

interface Measured {
  readonly rate: number;
  readonly cpu: number;
  readonly memory: number;
  readonly driver: number;
  readonly p99: number;
  readonly loop: LoopDelay | null;
}

/** Octets of a message that a server takes before it is measured, at most. */
const warmSize = 4096;

/** Until so many messages lie in `new/`, or two minutes. */
async function arrived(server: BenchServer, accounts: number, messages: number): Promise<void> {
  const patience = performance.now() + 120_000;
  while (delivered(server, accounts) < messages && performance.now() < patience) await sleep(5);
}

/** @param warm messages that the server, started anew, takes in the same way before */
async function measure(server: BenchServer, work: Work, scale: number, warm: number): Promise<Measured> {
  await server.restart();
  const port = (work.load.login ? server.ports.submission : server.ports.smtp)!;
  const warmer = { ...work.load, messages: warm, size: Math.min(work.load.size, warmSize), sessions: Math.max(work.load.sessions, 20) };
  if (warm > 0) {
    await smtpLoad({ ...warmer, port });
    await arrived(server, work.load.accounts, warm);
    await untilAtRest(server);
  }
  const messages = Math.max(work.load.sessions, Math.round(work.load.messages * scale));
  const load = { ...work.load, messages, firstNumber: warm, port };
  const all = warm + messages;
  const loop = await watchLoop(server);
  const before = cpuOf(server.pids);
  const memory = watchMemory(server.pids);
  const start = performance.now();
  const loaded = await smtpLoad(load);
  await arrived(server, load.accounts, all);
  const elapsed = performance.now() - start;
  const cpu = cpuOf(server.pids) - before;
  const peak = await memory.stop();
  const delay = await loop();
  const faults = contentFaults(server, load.accounts, all, (number) => (number < warm ? warmer.size : load.size));
  if (loaded.accepted !== messages || faults.length > 0) {
    throw new Error(
      `${server.name}, ${work.name}: ${loaded.accepted} accepted, ${loaded.refused} refused; ${faults.slice(0, 5).join('; ')}`,
    );
  }
  return {
    rate: (messages / elapsed) * 1000,
    cpu: cpu / messages,
    memory: peak,
    driver: loaded.cpu / messages,
    p99: loaded.p99,
    loop: delay,
  };
}

export async function smtpSuite(
  ours: BenchServer,
  peer: BenchServer | null,
  runs: number,
  scale: number,
  only: RegExp,
  warm: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const work of works.filter((one) => only.test(one.name))) {
    const a: Measured[] = [];
    const b: Measured[] = [];
    for (let run = 0; run < runs; run++) {
      a.push(await measure(ours, work, scale, warm));
      if (peer !== null) b.push(await measure(peer, work, scale, warm));
    }
    const row = rowsOf(warm === 0 ? work.name : `${work.name}, after ${warm}`, a, b, peer?.name ?? '');
    rows.push(
      {
        ...row('messages/s', true, work.target, (m) => m.rate),
        notes: `driver ${median(a.map((m) => m.driver)).toFixed(2)} ms CPU a message; ${delayNote(worstDelay(a.flatMap((m) => m.loop ?? [])))}`,
      },
      row('CPU ms a message', false, 1, (m) => m.cpu),
      row('peak MB', false, null, (m) => m.memory / 2 ** 20),
      row('p99 ms dot to 250', false, null, (m) => m.p99),
    );
  }
  return rows;
}
