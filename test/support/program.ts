import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';
import type { ListenerName } from '../../src/index.ts';
import { startTestServer, type TestServer } from './server.ts';

/** Whether the program can be started here. */
export function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they came. */
  readonly output: string;
}

const running = new Set<number>();
process.on('exit', () => {
  for (const pid of running) killTree(pid);
});

/** Ends a process and all that it started, also those in sessions of their own, as `script` makes them. */
function killTree(pid: number): void {
  let children = '';
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch {}
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
  for (const child of children.trim().split(' ').filter(Boolean)) killTree(Number(child));
}

/** Runs a program to its end, at most 45 s; the server of the same process goes on meanwhile. */
export function run(
  program: string,
  args: readonly string[],
  { input = '', cwd, env = {} }: { input?: string; cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, LC_ALL: 'C.UTF-8', ...env } });
    const pid = child.pid ?? 0;
    if (pid !== 0) running.add(pid);
    const timer = setTimeout(() => killTree(pid), 45_000);
    let stdout = '';
    let stderr = '';
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      output += chunk.toString();
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const over = (): void => {
      clearTimeout(timer);
      running.delete(pid);
    };
    child.on('error', (error) => {
      over();
      reject(error);
    });
    child.on('close', (code) => {
      over();
      resolve({ code: code ?? -1, stdout, stderr, output });
    });
  });
}

/** Puts a message into an INBOX by SMTP, as any host would. */
export async function deliver(server: TestServer, subject: string, body = 'text\n', to = 'ann@example.com'): Promise<void> {
  const raw = `From: Bob <bob@example.com>\nTo: ${to}\nSubject: ${subject}\n\n${body}`.replaceAll('\n', '\r\n');
  const transport = createTransport({ host: '127.0.0.1', port: server.port('smtp'), tls: { rejectUnauthorized: false } });
  await transport.sendMail({ envelope: { from: 'bob@example.com', to }, raw });
  transport.close();
}

/** The server of a journey, and its ports by name. */
export async function journey(
  settings: Readonly<Record<string, unknown>> = {},
): Promise<TestServer & { readonly at: (name: ListenerName) => string }> {
  const server = await startTestServer({ settings });
  return { ...server, at: (name) => `127.0.0.1:${server.port(name)}` };
}
