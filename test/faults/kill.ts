// Kills workers and the whole server while clients deliver, then counts: everything that got 250 is there exactly once.
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addAccounts, type ServerProcess, settingsIn, spawnServer, temporaryFolder } from '../support/server.ts';
import { children } from '../support/worker-connection.ts';
import { ImapReader } from './imap-reader.ts';
import { freePorts } from './ports.ts';

export interface KillReport {
  readonly rounds: number;
  readonly acknowledged: number;
  /** Acknowledged and not there. */
  readonly lost: number;
  /** Sent once and there twice. */
  readonly doubled: number;
  /** Not whole, or another message's content. */
  readonly damaged: number;
  /** There without an acknowledgement; at most what was in flight at the kills (RFC 1047). */
  readonly unacknowledged: number;
  /** The same message by IMAP under another UID than before, or a UID given twice. */
  readonly uidsChanged: number;
  /** Longest time from a kill until the port answered again, milliseconds. */
  readonly slowestReturn: number;
}

export interface KillOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly workers: number;
  /** Milliseconds of load before each kill. */
  readonly load: number;
}

const accounts = 5;
const address = (n: number): string => `k${n % accounts}@example.com`;
const body = (n: number): string => `line of message ${n}\r\n`.repeat(5 + (n % 200));

/** Sends messages until told to stop; a connection that breaks is opened again. */
async function client(port: number, next: () => number | null, acknowledged: Set<number>): Promise<void> {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    let closed = false;
    let wake: (() => void) | null = null;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      closed = true;
      wake?.();
    });
    const reply = async (): Promise<string> => {
      for (;;) {
        const found = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(text);
        if (found !== null) {
          text = text.slice(found[0].length);
          return found[0];
        }
        if (closed) throw new Error('closed');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    try {
      await reply();
      socket.write('EHLO driver.test\r\n');
      await reply();
      for (;;) {
        const n = next();
        if (n === null) {
          socket.end('QUIT\r\n');
          return;
        }
        socket.write(`MAIL FROM:<driver@driver.test>\r\nRCPT TO:<${address(n)}>\r\nDATA\r\n`);
        await reply();
        await reply();
        if (!(await reply()).startsWith('354')) continue;
        socket.write(`From: driver@driver.test\r\nSubject: ${n}\r\nX-Number: ${n}\r\n\r\n${body(n)}.\r\n`);
        if ((await reply()).startsWith('250')) acknowledged.add(n);
      }
    } catch {
      socket.destroy();
      await sleep(20);
    }
  }
}

async function answers(port: number, within: number): Promise<boolean> {
  const end = Date.now() + within;
  while (Date.now() < end) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', () => resolve(true)).once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
      setTimeout(() => socket.destroy(), 500).unref();
    });
    if (ok) return true;
    await sleep(10);
  }
  return false;
}

export async function killRounds(options: KillOptions): Promise<KillReport> {
  const { path: dir, remove } = temporaryFolder();
  const [smtp, imap] = (await freePorts(2)) as [number, number];
  const env = {
    POSTCOTE_HOSTNAME: 'mail.example.com',
    POSTCOTE_DATA_DIR: join(dir, 'data'),
    POSTCOTE_WORKERS: String(options.workers),
    POSTCOTE_MAIL__HOME: join(dir, 'mail/%d/%n'),
    POSTCOTE_LISTEN__SMTP: `127.0.0.1:${smtp}`,
    POSTCOTE_LISTEN__IMAP: `127.0.0.1:${imap}`,
    ...Object.fromEntries(
      ['SUBMISSION', 'SUBMISSIONS', 'IMAPS', 'POP3', 'POP3S', 'MANAGESIEVE', 'LMTP', 'HTTP'].map((name) => [
        `POSTCOTE_LISTEN__${name}`,
        '',
      ]),
    ),
  };
  addAccounts(
    { ...settingsIn(dir), data_dir: join(dir, 'data') },
    Object.fromEntries(Array.from({ length: accounts }, (_, n) => [address(n), 'secret'])),
  );
  const start = async (): Promise<ServerProcess> => {
    const server = spawnServer({ cwd: dir, env });
    await server.line('ready', 30_000);
    return server;
  };
  let server = await start();
  const acknowledged = new Set<number>();
  let counter = 0;
  let running = true;
  const load = Array.from({ length: options.clients }, () => client(smtp, () => (running ? counter++ : null), acknowledged));
  const places = new Map<number, string>();
  let uidsChanged = 0;
  let slowestReturn = 0;

  const look = async (): Promise<void> => {
    for (let n = 0; n < accounts; n++) {
      const reader = await ImapReader.open(imap, address(n), 'secret');
      const seen = new Set<string>();
      for (const { uid, number } of await reader.numbers()) {
        const place = `${n} ${reader.uidValidity} ${uid}`;
        if (seen.has(place) || (places.get(number) ?? place) !== place) uidsChanged++;
        seen.add(place);
        places.set(number, place);
      }
      reader.close();
    }
  };

  for (let round = 0; round < options.rounds; round++) {
    const before = acknowledged.size;
    await sleep(options.load);
    // A kill with nothing acknowledged before it shows nothing.
    for (const end = Date.now() + 30_000; acknowledged.size === before && Date.now() < end; ) await sleep(10);
    const killed = Date.now();
    const workers = children(server.pid);
    if (round % 2 === 0 && workers.length > 0) {
      process.kill(workers[round % workers.length]!, 'SIGKILL');
    } else {
      for (const pid of [server.pid, ...workers]) process.kill(pid, 'SIGKILL');
      await server.exited;
      server = await start();
    }
    if (!(await answers(smtp, 30_000))) throw new Error(`no answer on the SMTP port 30 s after kill ${round}`);
    slowestReturn = Math.max(slowestReturn, Date.now() - killed);
    if (round % 5 === 4) await look();
  }
  running = false;
  await Promise.all(load);
  await look();
  server.kill('SIGTERM');
  await server.exited;

  const found = new Map<number, number>();
  let damaged = 0;
  for (let n = 0; n < accounts; n++) {
    for (const folder of ['new', 'cur']) {
      const path = join(dir, 'mail/example.com', address(n).split('@')[0]!, 'Maildir', folder);
      for (const name of readdirSync(path)) {
        const text = readFileSync(join(path, name), 'latin1');
        const number = Number(/^X-Number: (\d+)$/m.exec(text)?.[1] ?? -1);
        if (number < 0 || !text.endsWith(`\n\n${body(number).replaceAll('\r\n', '\n')}`)) damaged++;
        found.set(number, (found.get(number) ?? 0) + 1);
      }
    }
  }
  const lost = [...acknowledged].filter((n) => !found.has(n) || !places.has(n)).length;
  const doubled = [...found.values()].filter((times) => times > 1).length;
  const unacknowledged = [...found.keys()].filter((n) => !acknowledged.has(n)).length;
  if (lost + doubled + damaged + uidsChanged === 0) remove();
  return { rounds: options.rounds, acknowledged: acknowledged.size, lost, doubled, damaged, unacknowledged, uidsChanged, slowestReturn };
}

if (import.meta.main) {
  const [rounds = '20', clients = '20'] = process.argv.slice(2);
  const report = await killRounds({ rounds: Number(rounds), clients: Number(clients), workers: 2, load: 500 });
  console.log(JSON.stringify(report));
  process.exit(report.lost + report.doubled + report.damaged + report.uidsChanged > 0 ? 1 : 0);
}
