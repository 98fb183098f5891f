// Half of what the server can take, for as long as asked: what its memory does meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../drivers/imap.ts';
import { smtpLoad } from '../drivers/smtp.ts';
import { slopeOf } from '../growth.ts';
import { delayNote, watchLoop } from '../loop.ts';
import { memoryOf } from '../process.ts';
import { account, type BenchServer, type LoopDelay, password } from '../servers/server.ts';

const load = { size: 4096, sessions: 20, perConnection: 100, accounts: 10, login: false };
/** Seconds between looks at memory. */
const lookEvery = 10;
/** Of the time that is left out: caches fill, code is compiled. */
const warmUp = 1 / 3;

export interface Soak {
  readonly minutes: number;
  /** Messages a second: half of what was taken before. */
  readonly pace: number;
  readonly messages: number;
  /** Megabytes, PSS of all processes, every ten seconds. */
  readonly memory: readonly number[];
  /** Megabytes an hour, after the first third. */
  readonly slope: number;
  readonly loop: LoopDelay | null;
  readonly holds: boolean;
}

/** A user who looks in now and then: reads what came, deletes it, and leaves. */
async function reader(server: BenchServer, user: string, running: () => boolean): Promise<void> {
  while (running()) {
    const client = await ImapClient.open(server.ports.imap!);
    await client.login(user, password);
    await client.command('SELECT INBOX');
    for (let round = 0; round < 5 && running(); round++) {
      await client.command('NOOP');
      client.keep = true;
      await client.command('UID SEARCH NOT DELETED');
      const uids =
        /^\* SEARCH(.*)$/m
          .exec(client.lines.join('\n'))?.[1]
          ?.trim()
          .split(' ')
          .filter((uid) => uid !== '') ?? [];
      client.keep = false;
      if (uids.length > 0) {
        await client.command(`UID FETCH ${uids.join()} (FLAGS ENVELOPE BODY.PEEK[])`);
        await client.command(`UID STORE ${uids.join()} +FLAGS.SILENT (\\Deleted)`);
        await client.command('EXPUNGE');
      }
      await sleep(500);
    }
    await client.command('LOGOUT');
    client.close();
  }
}

/** @param bound megabytes an hour that memory may grow by */
export async function soak(server: BenchServer, minutes: number, bound: number): Promise<Soak> {
  const port = server.ports.smtp!;
  // Code warm, accounts founded; then what it can take, while users read.
  let running = true;
  const readers = Promise.all(Array.from({ length: load.accounts }, (_, n) => reader(server, account(n), () => running)));
  const failed = readers.catch((error: unknown) => error);
  await smtpLoad({ ...load, port, messages: 500 });
  const tried = await smtpLoad({ ...load, port, messages: 2000 });
  const pace = Math.max(1, (tried.accepted / tried.elapsed) * 500);
  const seconds = Math.round(minutes * 60);
  const messages = Math.max(1, Math.round(pace * seconds));
  const loop = await watchLoop(server);
  const start = performance.now();
  const looks: { at: number; value: number }[] = [];
  const look = (): void => void looks.push({ at: (performance.now() - start) / 3_600_000, value: memoryOf(server.pids) / 2 ** 20 });
  const timer = setInterval(look, Math.min(lookEvery, seconds / 12) * 1000);
  const loaded = await smtpLoad({ ...load, port, messages, pace });
  clearInterval(timer);
  running = false;
  const error = await failed;
  if (error instanceof Error) throw error;
  if (loaded.accepted !== messages) throw new Error(`${loaded.accepted} of ${messages} messages accepted, ${loaded.refused} refused`);
  const slope = slopeOf(looks.slice(Math.floor(looks.length * warmUp)));
  return { minutes, pace, messages, memory: looks.map(({ value }) => value), slope, loop: await loop(), holds: slope <= bound };
}

export function soakText({ minutes, pace, messages, memory, slope, loop, holds }: Soak, bound: number): string {
  const mb = (n: number | undefined): string => (n === undefined ? '–' : n.toFixed(0));
  return [
    `${messages} messages in ${minutes} minutes (${pace.toFixed(0)} a second) to accounts that read and delete them`,
    `memory ${mb(memory[0])} MB at first, ${mb(Math.max(...memory))} at most, ${mb(memory.at(-1))} at last; every ${lookEvery} s: ${memory.map(mb).join(' ')}`,
    `after the first third ${slope >= 0 ? '+' : ''}${slope.toFixed(1)} MB an hour, ${holds ? 'holds' : 'MISSED'} (at most ${bound}); ${delayNote(loop)}`,
  ].join('\n');
}
