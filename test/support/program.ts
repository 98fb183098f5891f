import { execFileSync, spawn } from 'node:child_process';
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

/** Runs a program to its end, at most 30 s; the server of the same process goes on meanwhile. */
export function run(
  program: string,
  args: readonly string[],
  { input = '', cwd, env = {} }: { input?: string; cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, LC_ALL: 'C.UTF-8', ...env }, timeout: 30_000, killSignal: 'SIGKILL' });
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
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr, output }));
  });
}

/** Puts a message into ann's INBOX by SMTP, as any host would. */
export async function deliver(server: TestServer, subject: string, body = 'text\n', to = 'ann@example.com'): Promise<void> {
  const { connect } = await import('node:net');
  const text = `From: Bob <bob@example.com>\nTo: ${to}\nSubject: ${subject}\nMessage-ID: <${subject.replace(/\W/g, '-')}@example.com>\n\n${body}`;
  const commands = [
    'EHLO client.example.com',
    'MAIL FROM:<bob@example.com>',
    `RCPT TO:<${to}>`,
    'DATA',
    `${text.replace(/^\./gm, '..').replaceAll('\n', '\r\n')}.`,
    'QUIT',
  ];
  await new Promise<void>((resolve, reject) => {
    const socket = connect(server.port('smtp'), '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString();
      if (
        !/^\d{3}(?: .*)?\r\n$/m.test(said) ||
        !said.endsWith('\r\n') ||
        /^\d{3}-[^\n]*\n$/.test(said.slice(said.lastIndexOf('\n', said.length - 2) + 1))
      )
        return;
      if (/^[45]/.test(said)) reject(new Error(said));
      said = '';
      const next = commands.shift();
      if (next !== undefined) socket.write(`${next}\r\n`);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}

/** The server of a journey, and its ports by name. */
export async function journey(
  settings: Readonly<Record<string, unknown>> = {},
): Promise<TestServer & { readonly at: (name: ListenerName) => string }> {
  const server = await startTestServer({ settings });
  return { ...server, at: (name) => `127.0.0.1:${server.port(name)}` };
}
