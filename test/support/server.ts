import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashPassword } from '../../src/auth/password.ts';
import { openDirectory } from '../../src/directory/open.ts';
import { createServer, type ListenerName, type Server } from '../../src/index.ts';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Settings of a server that touches nothing outside `dir`; every port is any free one. */
export function settingsIn(dir: string): Record<string, unknown> {
  const any = ['127.0.0.1:0'];
  return {
    hostname: 'mail.example.com',
    data_dir: join(dir, 'data'),
    workers: 1,
    'mail.home': join(dir, 'mail/%d/%n'),
    ...Object.fromEntries(
      ['smtp', 'submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s', 'lmtp', 'http'].map((name) => [`listen.${name}`, any]),
    ),
    'listen.managesieve': [],
  };
}

/** A folder that goes when the test passed and stays, for a look, when it failed. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'postcote-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Changes the directory of a server, in force at once. */
function manage(settings: Readonly<Record<string, unknown>>, change: (directory: ReturnType<typeof openDirectory>) => void): void {
  const directory = openDirectory({
    file: join(settings.data_dir as string, 'directory.sqlite'),
    home: settings['mail.home'] as string,
    quota: 0,
    recipientDelimiter: '+',
  });
  try {
    change(directory);
  } finally {
    directory.close();
  }
}

/** Adds domains and accounts. Passwords are stored in the clear: hashing is not what these tests are about. */
export function addAccounts(settings: Readonly<Record<string, unknown>>, accounts: Readonly<Record<string, string>>): void {
  manage(settings, (directory) => {
    const known = new Set(directory.manage.domains().map(({ name }) => name));
    for (const [address, password] of Object.entries(accounts)) {
      const domain = address.slice(address.lastIndexOf('@') + 1);
      if (!known.has(domain)) directory.manage.addDomain(domain);
      known.add(domain);
      directory.manage.addUser(address, `{PLAIN}${password}`);
    }
  });
}

/** @param quota octets; null = the default */
export function setQuota(settings: Readonly<Record<string, unknown>>, address: string, quota: number | null): void {
  manage(settings, (directory) => void directory.manage.setQuota(address, quota));
}

export { hashPassword };

export interface TestServer {
  readonly server: Server;
  readonly dir: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Log lines so far, parsed. */
  readonly log: Record<string, unknown>[];
  port(name: ListenerName): number;
  close(): Promise<void>;
}

/** The whole server in this process: `ann@example.com` and `bob@example.com` with the password `secret`, unless told otherwise. */
export async function startTestServer({
  settings: extra = {},
  accounts = { 'ann@example.com': 'secret', 'bob@example.com': 'secret' },
}: {
  settings?: Readonly<Record<string, unknown>>;
  accounts?: Readonly<Record<string, string>>;
} = {}): Promise<TestServer> {
  const { path: dir, remove } = temporaryFolder();
  const settings = { ...settingsIn(dir), ...extra };
  const log: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) };
  const server = await createServer({ settings, log: destination });
  addAccounts(settings, accounts);
  return {
    server,
    dir,
    settings,
    log,
    port: (name) => server.listeners.find((listener) => listener.name === name)!.port,
    async close() {
      await server.close(1000);
      const bugs = log.filter(({ level }) => (level as number) >= 50);
      if (bugs.length > 0) throw new Error(`the server logged errors; see ${dir}\n${bugs.map((line) => JSON.stringify(line)).join('\n')}`);
      remove();
    },
  };
}

export interface ServerProcess {
  readonly pid: number;
  /** Parsed log lines so far. */
  readonly log: Record<string, unknown>[];
  readonly stderr: () => string;
  /** Waits for a line with this `msg`; the ready line is `ready`. */
  line(msg: string, timeoutMs?: number): Promise<Record<string, unknown>>;
  port(name: ListenerName): number;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

/** `node dist/server.js`, by any Node, as a process of its own. */
export function spawnServer({
  args = [],
  env = {},
  cwd,
  node = process.execPath,
  program = join(root, 'dist/server.js'),
}: {
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd: string;
  node?: string;
  program?: string;
}): ServerProcess {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('POSTCOTE_') && !name.startsWith('VITEST')),
  );
  const child = spawn(node, [program, ...args], { cwd, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const log: Record<string, unknown>[] = [];
  let rest = '';
  let errors = '';
  let over = false;
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop()!;
    for (const line of lines) log.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { msg: line });
    for (const wake of waiting) wake();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) =>
    child.on('close', (code, signal) => {
      over = true;
      for (const wake of waiting) wake();
      resolve(signal ?? code ?? -1);
    }),
  );
  const find = (msg: string) => log.find((line) => line.msg === msg);
  return {
    pid: child.pid!,
    log,
    stderr: () => errors,
    exited,
    kill: (signal) => void child.kill(signal),
    port: (name) => (find('ready')!.listeners as { name: string; port: number }[]).find((listener) => listener.name === name)!.port,
    line: (msg, timeoutMs = 30_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => done(new Error(`no line "${msg}" in ${timeoutMs} ms\n${errors}`)), timeoutMs);
        const look = (): void => {
          const found = find(msg);
          if (found !== undefined) done(found);
          else if (over) done(new Error(`ended without a line "${msg}"\n${errors}`));
        };
        const done = (result: Record<string, unknown> | Error): void => {
          clearTimeout(timer);
          waiting.delete(look);
          if (result instanceof Error) reject(result);
          else resolve(result);
        };
        waiting.add(look);
        look();
      }),
  };
}
