// A load of SMTP sessions from one thread: raw sockets, prepared octets, MAIL RCPT DATA in one write.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { account, domain, password } from '../servers/server.ts';

export interface SmtpLoad {
  readonly port: number;
  /** Infinity: as many as `seconds` allows. */
  readonly messages: number;
  /** None is begun after that. */
  readonly seconds?: number;
  /** Octets of each message, about. */
  readonly size: number;
  readonly sessions: number;
  /** Messages a connection carries; Infinity keeps it. */
  readonly perConnection: number;
  readonly accounts: number;
  /** Number of the first account. */
  readonly firstAccount?: number;
  /** Number of the first message. */
  readonly firstNumber?: number;
  /** Messages a second at most. */
  readonly pace?: number;
  /** STARTTLS and AUTH PLAIN before the first message of a connection. */
  readonly login: boolean;
  /** Recipients in so many other domains instead of accounts: `remoteDomain`. */
  readonly destinations?: number;
  /** One for all, instead of the accounts. */
  readonly recipient?: string;
}

/** Domain n of those that mail goes out to. */
export const remoteDomain = (n: number): string => `d${n}.relay.test`;

export interface SmtpLoaded {
  readonly accepted: number;
  readonly refused: number;
  /** Milliseconds from first connect to last 250. */
  readonly elapsed: number;
  /** Milliseconds of CPU the driver took. */
  readonly cpu: number;
  /** Milliseconds from DATA's dot to 250: median and 99th of a hundred. */
  readonly median: number;
  readonly p99: number;
}

/** The header of message n, up to and with the empty line. */
function header(n: number): string {
  return `From: Sender <sender@${domain}>\r\nTo: <u@${domain}>\r\nSubject: message ${n}\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <${n}.bench@${domain}>\r\nX-Number: ${n}\r\n\r\n`;
}

/** The body of all messages, in lines of 76, with the end of DATA: made once, so that the driver costs little beside the server. */
function bodyOf(size: number): string {
  const line = 'The quick brown fox jumps over the lazy dog; pack my box with five dozen jugs.\r\n'.slice(-78);
  return `${line.repeat(Math.max(1, Math.floor((size - 300) / line.length)))}.\r\n`;
}

async function until(time: number): Promise<void> {
  const wait = time - performance.now();
  if (wait > 0) await sleep(wait);
}

async function run(load: SmtpLoad): Promise<SmtpLoaded> {
  let next = 0;
  let accepted = 0;
  let refused = 0;
  const waits: number[] = [];
  const body = Buffer.from(bodyOf(load.size), 'latin1');
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  const end = start + (load.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  const hasMore = (): boolean => next < load.messages && performance.now() < end;

  const session = async (): Promise<void> => {
    while (hasMore()) {
      let socket: Socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
      let wake: (() => void) | null = null;
      let text = '';
      let failed: Error | null = null;
      const attach = (): void => {
        socket.setEncoding('latin1');
        socket.on('data', (chunk) => {
          text += chunk;
          wake?.();
        });
        socket.on('error', (error) => {
          failed = error;
          wake?.();
        });
        socket.on('close', () => {
          failed ??= new Error('closed');
          wake?.();
        });
      };
      attach();
      /** One whole reply. */
      const reply = async (): Promise<string> => {
        for (;;) {
          const end = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(text);
          if (end !== null) {
            text = text.slice(end[0].length);
            return end[0];
          }
          if (failed !== null) throw failed;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
      };
      const ask = (command: string): Promise<string> => {
        socket.write(`${command}\r\n`);
        return reply();
      };
      await reply();
      await ask('EHLO driver.test');
      if (load.login) {
        await ask('STARTTLS');
        socket.removeAllListeners('data');
        socket.removeAllListeners('close');
        const plain = socket;
        socket = connectTls({ socket: plain, rejectUnauthorized: false });
        await new Promise((resolve) => socket.once('secureConnect', resolve));
        attach();
        await ask('EHLO driver.test');
        const answer = await ask(`AUTH PLAIN ${Buffer.from(`\0${account(0)}\0${password}`).toString('base64')}`);
        if (!answer.startsWith('235')) throw new Error(answer);
      }
      for (let i = 0; i < load.perConnection && hasMore(); i++) {
        const n = next++;
        if (load.pace !== undefined) await until(start + (n * 1000) / load.pace);
        const from = load.login ? account(0) : `sender@driver.test`;
        const local = load.recipient ?? account((load.firstAccount ?? 0) + (n % load.accounts));
        const to = load.destinations === undefined ? local : `u${n}@${remoteDomain(n % load.destinations)}`;
        socket.write(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
        await reply();
        const rcpt = await reply();
        const data = await reply();
        if (!rcpt.startsWith('250') || !data.startsWith('354')) throw new Error(rcpt + data);
        const sent = performance.now();
        socket.cork();
        socket.write(header((load.firstNumber ?? 0) + n), 'latin1');
        socket.write(body);
        socket.uncork();
        const answer = await reply();
        waits.push(performance.now() - sent);
        if (answer.startsWith('250')) accepted++;
        else refused++;
      }
      socket.end('QUIT\r\n');
    }
  };
  await Promise.all(Array.from({ length: load.sessions }, session));
  const elapsed = performance.now() - start;
  const used = process.cpuUsage(cpuStart);
  waits.sort((a, b) => a - b);
  return {
    accepted,
    refused,
    elapsed,
    cpu: (used.user + used.system) / 1000,
    median: waits[waits.length >> 1] ?? 0,
    p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
  };
}

/** Runs the load in a process's thread of its own. */
export function smtpLoad(load: SmtpLoad): Promise<SmtpLoaded> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: load });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

if (!isMainThread && workerData !== null && typeof workerData === 'object' && 'perConnection' in workerData) {
  run(workerData as SmtpLoad).then(
    (result) => parentPort!.postMessage(result),
    (error: unknown) => {
      throw error;
    },
  );
}
