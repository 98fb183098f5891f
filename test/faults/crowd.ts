// Thousands of clients that do nothing or as little as they can: how long a hundred good ones wait meanwhile.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { children } from '../support/worker-connection.ts';
import { sendMail } from './clients.ts';
import type { Standing } from './crowd-child.ts';
import type { Waits } from './crowd-good.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures, Skip } from './fault-test.ts';
import { messageText } from './ledger.ts';

const accounts = Array.from({ length: 10 }, (_, n) => `g${n}@example.com`);
const good = 100;
/** Windows of two seconds on each side of the crowd and beside it. */
const windows = 5;
/** Idle waits shorter than that are the turns of two cores, not the server. Milliseconds. */
const least = 5;

/** A program beside this one that answers each line with one of JSON. */
class Beside<T> {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, args: readonly (string | number)[]) {
    const program = fileURLToPath(new URL(file, import.meta.url));
    this.process = spawn(process.execPath, [program, ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.process.spawnargs[1]} ended`);
    return JSON.parse(value as string) as T;
  }

  ask(text: string): Promise<T> {
    this.process.stdin.write(`${text}\n`);
    return this.line();
  }

  /** Ends it. */
  async close(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exit = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.stdin.end();
    await Promise.race([exit, sleep(2000)]);
    this.process.kill('SIGKILL');
    await exit;
  }
}

/** What is half way, so that other work on the machine for a moment does not count. */
const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const tenths = (value: number): number => Math.round(value * 10) / 10;

async function crowd(kind: 'slow' | 'idle', count: number, workers: number): Promise<string> {
  const limit = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
  if (limit < count + 500) throw new Skip(`${limit} descriptors for ${count} connections`);
  const server = await faultServer({ accounts, workers });
  const { SMTP, IMAP, IMAPS } = server.ports;
  const pids = (): number[] => [server.process.pid, ...children(server.process.pid)];
  const resident = (): number =>
    pids().reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0), 0);
  /** CPU milliseconds of the server. */
  const worked = (): number =>
    pids().reduce((sum, pid) => {
      const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13).map(Number);
      return sum + (user! + system!) * 10;
    }, 0);
  const beside: Beside<unknown>[] = [];
  try {
    for (const account of accounts) for (let n = 0; n < 5; n++) await sendMail(SMTP, account, messageText(n));
    const clients = new Beside<Waits>('crowd-good.ts', [SMTP, IMAP, good, accounts.length]);
    beside.push(clients);
    await clients.line();
    const wait = async (): Promise<readonly Waits[]> => {
      const list: Waits[] = [];
      for (let n = 0; n < windows; n++) list.push(await clients.ask('2000'));
      return list;
    };
    await clients.ask('1500');
    const before = await wait();
    const memory = resident();
    const many = new Beside<Standing>('crowd-child.ts', [kind, count, SMTP, IMAP, IMAPS]);
    beside.push(many);
    const { standing: came } = await many.line();
    const grown = resident() - memory;
    await sleep(2000);
    const cpu = { server: worked(), crowd: (await many.ask('?')).cpu, began: performance.now() };
    const during = await wait();
    const took = performance.now() - cpu.began;
    const serverCpu = (worked() - cpu.server) / took;
    let last = await many.ask('?');
    const crowdCpu = (last.cpu - cpu.crowd) / took;
    const stayed = last.standing;
    const sent = performance.now();
    let notDelivered = 0;
    for (const account of accounts) if (!(await sendMail(SMTP, account, messageText(100))).startsWith('250')) notDelivered++;
    while (kind === 'idle' && last.told < count && performance.now() - sent < 20_000) {
      await sleep(50);
      last = await many.ask('?');
    }
    const toldMs = Math.round(performance.now() - sent);
    await many.close();
    await sleep(500);
    const idle = [...before, ...(await wait())];
    const p99 = middle(during.map((one) => one.p99));
    const idleP99 = middle(idle.map((one) => one.p99));
    return figures(
      {
        clients: count,
        came,
        stayed,
        requests: during.reduce((sum, { requests }) => sum + requests, 0),
        idleP50: tenths(middle(idle.map((one) => one.p50))),
        idleP99: tenths(idleP99),
        p50: tenths(middle(during.map((one) => one.p50))),
        p99: tenths(p99),
        timesIdle: Math.round((p99 / Math.max(idleP99, least)) * 100) / 100,
        ...(kind === 'idle' ? { told: last.told, toldMs } : {}),
        grownKiBEach: Math.round(grown / count),
        'CPU % of server': Math.round(serverCpu * 100),
        'good clients': Math.round(middle(during.map((one) => one.cpu)) * 100),
        'the crowd': Math.round(crowdCpu * 100),
        notDelivered,
        workersDied: server.logs().filter(({ msg }) => msg === 'worker died, replacing it').length,
        errors: server.errors().length,
      },
      ['notDelivered', 'workersDied', 'errors'],
      { timesIdle: 2 },
      // The slow ones never log in, and are sent away after a minute.
      { came: count, stayed: kind === 'idle' ? count : count * 0.9, ...(kind === 'idle' ? { told: count } : {}) },
    );
  } finally {
    for (const one of beside) await one.close();
    await server.close();
  }
}

export const crowdTests: readonly FaultTest[] = [
  { name: 'slow-clients', run: ({ rounds = 10_000, workers }) => crowd('slow', rounds, workers) },
  { name: 'idle-clients', run: ({ rounds = 10_000, workers }) => crowd('idle', rounds, workers) },
];
