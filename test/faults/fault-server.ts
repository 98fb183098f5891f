import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addAccounts, root, type ServerProcess, settingsIn, spawnServer, temporaryFolder } from '../support/server.ts';
import { children } from '../support/worker-connection.ts';
import { freePorts } from './ports.ts';

const names = ['SMTP', 'SUBMISSION', 'IMAP', 'IMAPS', 'POP3', 'LMTP', 'HTTP'] as const;
export type PortName = (typeof names)[number];

/** The built server in processes of its own, on ports that it keeps over restarts. */
export interface FaultServer {
  readonly dir: string;
  readonly ports: Readonly<Record<PortName, number>>;
  readonly env: Readonly<Record<string, string>>;
  process: ServerProcess;
  start(): Promise<void>;
  /** Pids of the workers. */
  workers(): number[];
  /** SIGKILL to the whole. */
  killAll(): Promise<void>;
  /** Log lines of level error and above, over all starts, but for those that tell of a worker's death. */
  errors(): Record<string, unknown>[];
  /** Log lines over all starts. */
  logs(): Record<string, unknown>[];
  /** SIGTERM, then removes the folder unless it is worth a look. */
  close(keep?: boolean): Promise<void>;
}

export interface FaultServerOptions {
  readonly accounts: readonly string[];
  /** Of accounts besides, by address. */
  readonly passwords?: Readonly<Record<string, string>>;
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Where account homes go; default below the folder of the server. */
  readonly mail?: string;
  /** Run by this program, as `strace -f …` or `prlimit …`. */
  readonly wrapper?: readonly string[];
}

export async function faultServer({
  accounts,
  passwords = {},
  workers = 2,
  env: more = {},
  mail,
  wrapper,
}: FaultServerOptions): Promise<FaultServer> {
  const { path: dir, remove } = temporaryFolder();
  const found = await freePorts(names.length);
  const ports = Object.fromEntries(names.map((name, i) => [name, found[i]!])) as Record<PortName, number>;
  const env = {
    POSTCOTE_HOSTNAME: 'mail.example.com',
    POSTCOTE_DATA_DIR: join(dir, 'data'),
    POSTCOTE_WORKERS: String(workers),
    POSTCOTE_MAIL__HOME: join(mail ?? join(dir, 'mail'), '%d/%n'),
    ...Object.fromEntries(names.map((name) => [`POSTCOTE_LISTEN__${name}`, `127.0.0.1:${ports[name]}`])),
    ...Object.fromEntries(['SUBMISSIONS', 'POP3S', 'MANAGESIEVE'].map((name) => [`POSTCOTE_LISTEN__${name}`, ''])),
    ...more,
  };
  addAccounts(
    { ...settingsIn(dir), data_dir: join(dir, 'data') },
    { ...Object.fromEntries(accounts.map((name) => [name, 'secret'])), ...passwords },
  );
  const built = join(root, 'dist/server.js');
  const program = existsSync(built) ? built : join(root, 'src/server.ts');
  const past: ServerProcess[] = [];
  const launch = async (): Promise<ServerProcess> => {
    const [node = process.execPath, ...args] = wrapper ?? [];
    const one =
      wrapper === undefined
        ? spawnServer({ cwd: dir, env, program })
        : spawnServer({ cwd: dir, env, node, program: args[0]!, args: [...args.slice(1), process.execPath, program] });
    past.push(one);
    await one.line('ready', 30_000);
    return one;
  };
  const server: FaultServer = {
    dir,
    ports,
    env,
    process: await launch(),
    async start() {
      server.process = await launch();
    },
    workers: () => children(server.process.pid),
    async killAll() {
      for (const pid of [server.process.pid, ...children(server.process.pid)]) process.kill(pid, 'SIGKILL');
      await server.process.exited;
    },
    logs: () => past.flatMap(({ log }) => log),
    errors: () =>
      past
        .flatMap(({ log }) => log)
        .filter(({ level, msg }) => Number(level) >= 50 && msg !== 'worker died, replacing it' && msg !== 'worker hangs, killing it'),
    async close(keep = false) {
      server.process.kill('SIGTERM');
      await server.process.exited;
      if (!keep) remove();
    },
  };
  return server;
}

/** Whether someone greets on the port. */
export async function answers(port: number, within: number): Promise<boolean> {
  const end = Date.now() + within;
  while (Date.now() < end) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
      setTimeout(() => socket.destroy(), Math.max(1, end - Date.now())).unref();
    });
    if (ok) return true;
    await sleep(10);
  }
  return false;
}
