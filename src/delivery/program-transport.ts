import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { program } from '../base/program.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import type { Job, JobOutcome, QueuedMessage, QueuedRecipient, Transport } from '../queue/transport.ts';
import { appendToFile } from './append-to-file.ts';
import { headerFacts } from './header.ts';
import { deliveryFields } from './trace.ts';

export interface ProgramTransportDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Names that lead to a recipient's local part, `|command` or `/file`; none: it is not wanted any more. */
  readonly holdersOf: (program: string) => Promise<readonly string[]>;
  /** Whom it is run or written as on behalf of these names, the first being the one that was written to. A text: why not at all. */
  readonly userOf: (names: readonly string[]) => Promise<ProgramUser | string | null>;
  /** How long a command may take. Milliseconds. */
  readonly timeLimit: () => number;
}

/** A user of the system that this process is to become for one command. */
export interface ProgramUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** For all that is not the command itself, a file that is written among it. Milliseconds. */
const spare = 60_000;
/** Octets of a command's output that are kept for the reply; the rest is read and dropped. */
const outputLimit = 1_000;

/** Brings mail to the commands and files that an aliases file names: recipients `|command` and `/file` of this host. */
export function programTransport({ clock, log, holdersOf, userOf, timeLimit }: ProgramTransportDeps): Transport {
  async function one(job: Job, recipient: QueuedRecipient, deliveredTo: readonly string[], signal: AbortSignal): Promise<JobOutcome> {
    const program = recipient.address.localPart;
    const original = recipient.original.toLowerCase();
    const holders = await holdersOf(program);
    if (holders.length === 0) return failed('550 5.7.1 Mail to this command or file is not allowed');
    const [named = ''] = original.split(/[@+]/);
    const user = await userOf(holders.includes(named) ? [named] : holders);
    if (typeof user === 'string') return failed(`550 5.3.5 ${user}`);
    // What it was delivered as, not the command: nobody else is to read that.
    if (deliveredTo.includes(original)) return failed('554 5.4.6 Mail forwarding loop');
    const fields = deliveryFields(job.envelope.reversePath, recipient.original, original);
    const head = Buffer.from(`${fromLine(job.envelope.reversePath, clock.now())}${fields}`);
    const result = program.startsWith('|')
      ? await pipe(program.slice(1), head, job, recipient, user, timeLimit(), signal)
      : await append(program, Buffer.concat([head, mboxText(await textOf(job.message)), Buffer.from('\n')]), user, signal);
    log.info(
      {
        queue_id: job.id,
        original: recipient.original,
        program: program[0] === '|' ? 'command' : 'file',
        user: user?.name,
        result: result.result,
      },
      'delivery',
    );
    return result;
  }

  return {
    destination: () => 'commands and files',
    timeLimit: ({ recipients }) => recipients.length * (timeLimit() + spare),
    async deliver(job, report, signal) {
      const { bytes, file, size } = job.message;
      const { deliveredTo } = await headerFacts({
        size,
        ...(bytes === undefined ? { chunks: [], file } : { chunks: [bytes], file: null }),
        discard: async () => {},
      });
      for (const recipient of job.recipients) {
        if (signal.aborted) return;
        const outcome = await one(job, recipient, deliveredTo, signal);
        // What was cut off is tried again by whoever takes over.
        if (!signal.aborted || outcome.result === 'delivered') report(recipient, outcome);
      }
    },
  };
}

/** Runs a command in a shell, as a user, null = this process's, with nothing of its environment. Exit 75 is `try later`. */
function pipe(
  command: string,
  head: Buffer,
  job: Job,
  { original, address }: QueuedRecipient,
  user: ProgramUser | null,
  timeLimit: number,
  signal: AbortSignal,
): Promise<JobOutcome> {
  const at = original.lastIndexOf('@');
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    SENDER: job.envelope.reversePath === null ? '' : formatAddress(job.envelope.reversePath),
    RECIPIENT: original,
    LOCAL: at < 0 ? original : original.slice(0, at),
    DOMAIN: at < 0 ? address.domain : original.slice(at + 1),
    ...(user !== null && { USER: user.name, LOGNAME: user.name, HOME: user.home }),
  };
  return new Promise((resolve) => {
    // A group of its own, so that whatever it started ends with it.
    const child = spawn('/bin/sh', ['-c', command], { cwd: '/', env, detached: true, stdio: ['pipe', 'pipe', 'pipe'], ...identity(user) });
    let output = '';
    let late = false;
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It is gone.
      }
    };
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, timeLimit);
    const done = (outcome: JobOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      // What it left behind in the background keeps no pipe of ours open.
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(outcome);
    };
    signal.addEventListener('abort', kill, { once: true });
    const hear = (chunk: Buffer): void => {
      if (output.length < outputLimit) output += chunk.toString('latin1').slice(0, outputLimit - output.length);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    // A command need not read all of its input.
    child.stdin.on('error', () => {});
    child.on('error', (error) => done(deferred(`451 4.3.0 ${error.message}`)));
    child.on('exit', (code, killed) => {
      const end = (): void =>
        done(late ? deferred(`451 4.3.0 Command did not end in ${timeLimit / 1000} s`) : outcomeOf(code, killed, output));
      // The rest of the output may be on its way, and what it left running may never close it.
      child.on('close', end);
      setTimeout(end, 200).unref();
    });
    const body = job.message.bytes === undefined ? createReadStream(job.message.file) : Readable.from([job.message.bytes]);
    body.on('error', (error) => {
      kill();
      done(deferred(`451 4.3.0 ${error.message}`));
    });
    child.stdin.write(head);
    body.pipe(child.stdin);
  });
}

function outcomeOf(code: number | null, killed: NodeJS.Signals | null, output: string): JobOutcome {
  const said = output.replace(/[^\x20-\x7e]+/g, ' ').trim();
  const more = said === '' ? '' : `: ${said.slice(0, 500)}`;
  if (code === 0) return { result: 'delivered', reply: '250 2.0.0 delivered to command', relay: null };
  if (killed !== null) return deferred(`451 4.3.0 Command died with ${killed}${more}`);
  if (code === 75) return deferred(`451 4.3.0 Command asks to try later${more}`);
  // sysexits: EX_NOUSER, EX_NOHOST, EX_NOPERM
  const detail = ({ 67: '1.1', 68: '1.2', 77: '7.0' } as Record<number, string>)[code ?? 0] ?? '3.0';
  return failed(`550 5.${detail} Command failed with status ${code}${more}`);
}

/** Supplementary groups go with it: libuv drops them all. */
const identity = (user: ProgramUser | null): { readonly uid?: number; readonly gid?: number } =>
  user === null ? {} : { uid: user.uid, gid: user.gid };

async function append(file: string, text: Buffer, user: ProgramUser | null, signal: AbortSignal): Promise<JobOutcome> {
  const reply = user === null ? await appendToFile(file, text) : await appendAs(user, file, text, signal);
  const results = { 2: 'delivered', 5: 'failed' } as const;
  return { result: results[reply[0] as '2' | '5'] ?? 'deferred', reply, relay: null };
}

const appender = fileURLToPath(program('delivery/append-program'));

/** By a process of that user's, so that the kernel says what it may write to. */
function appendAs(user: ProgramUser, file: string, text: Buffer, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [appender], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
      signal,
      killSignal: 'SIGKILL',
      ...identity(user),
    });
    let reply = '';
    child.stdout.on('data', (chunk: Buffer) => (reply += chunk.toString()));
    child.stdin.on('error', () => {});
    child.on('error', (error) => resolve(`451 4.3.0 ${error.message}`));
    child.on('close', () => resolve(/^[245]\d\d /.test(reply) ? reply : '451 4.3.0 The file was not written'));
    child.stdin.write(`${file}\n`);
    child.stdin.end(text);
  });
}

async function textOf({ bytes, file }: QueuedMessage): Promise<Buffer> {
  if (bytes !== undefined) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const handle = await open(file, 'r');
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** `From sender Sat Feb  1 01:02:03 2007`, in UTC. RFC 4155 */
function fromLine(reversePath: Address | null, now: number): string {
  const sender = reversePath === null ? 'MAILER-DAEMON' : formatAddress(reversePath).replace(/\s/g, '-');
  const [day, date, month, year, time] = new Date(now).toUTCString().replace(',', '').split(' ');
  return `From ${sender} ${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}\n`;
}

/** Lines that look like the start of a message get a `>`. */
function mboxText(text: Buffer): Buffer {
  const escaped = text.includes('From ') ? Buffer.from(text.toString('latin1').replace(/^>*From /gm, '>$&'), 'latin1') : text;
  return escaped.at(-1) === 10 ? escaped : Buffer.concat([escaped, Buffer.from('\n')]);
}

const failed = (reply: string): JobOutcome => ({ result: 'failed', reply, relay: null });
const deferred = (reply: string): JobOutcome => ({ result: 'deferred', reply, relay: null });
