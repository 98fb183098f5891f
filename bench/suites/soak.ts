// Half of what the server can take, for as long as asked: what its memory does meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../drivers/imap.ts';
import { smtpLoad } from '../drivers/smtp.ts';
import { slopeOf } from '../growth.ts';
import { delayNote, watchLoop } from '../loop.ts';
import { sharesOf } from '../process.ts';
import { median } from '../report.ts';
import { account, type BenchServer, type LoopDelay, password } from '../servers/server.ts';

const load = { size: 4096, sessions: 20, perConnection: 100, accounts: 10, login: false };
/** Seconds between looks at memory. */
const between = (minutes: number): number => Math.min(10, minutes * 5);
/** Of the time that is left out: caches fill, code is compiled. */
const warmUp = 1 / 3;
/** Seconds for which it takes all it can, at most; half of that is the pace. */
const measured = 30;
/** Seconds without work, after which memory is looked at once more. */
const rest = 30;
/** Megabytes of a worker at rest, at most. */
const restingBound = 120;

export interface Soak {
  readonly minutes: number;
  /** Messages a second: as asked, or half of what was taken before. */
  readonly pace: number;
  /** Accepted in that time: fewer than the pace gives where other work took the machine. */
  readonly messages: number;
  /** Megabytes of all processes, every ten seconds or less. */
  readonly memory: readonly number[];
  /** Megabytes an hour, after the first third. */
  readonly slope: number;
  readonly loop: LoopDelay | null;
  /** Megabytes of each process that serves, at rest. */
  readonly resting: readonly number[];
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

/**
 * @param bound megabytes an hour that memory may grow by
 * @param asked messages a second; 0: half of what it takes
 */
export async function soak(server: BenchServer, minutes: number, bound: number, asked = 0): Promise<Soak> {
  const seconds = minutes * 60;
  let running = true;
  const readers = Promise.all(Array.from({ length: load.accounts }, (_, n) => reader(server, account(n), () => running)));
  const deliver = async (more: { messages: number; seconds?: number; pace?: number }) => {
    const loaded = await Promise.race([smtpLoad({ ...load, port: server.ports.smtp!, ...more }), readers]);
    if (!('accepted' in loaded)) throw new Error('readers ended');
    if (loaded.refused > 0) throw new Error(`${loaded.refused} messages refused, ${loaded.accepted} accepted`);
    return loaded;
  };
  // Code warm, accounts founded; then what it can take, while users read.
  await deliver({ messages: 500 });
  const tried = await deliver({ messages: Number.POSITIVE_INFINITY, seconds: Math.min(measured, seconds / 6) });
  const pace = asked > 0 ? asked : Math.max(1, (tried.accepted / tried.elapsed) * 500);
  const loop = await watchLoop(server);
  const start = performance.now();
  const looks: { at: number; value: number }[] = [];
  const megabytes = (): number[] => sharesOf(server.pids[0]!).map((octets) => octets / 2 ** 20);
  const look = (): void =>
    void looks.push({ at: (performance.now() - start) / 3_600_000, value: megabytes().reduce((sum, one) => sum + one, 0) });
  const timer = setInterval(look, between(minutes) * 1000);
  const { accepted: messages } = await deliver({ messages: Number.POSITIVE_INFINITY, seconds, pace });
  clearInterval(timer);
  const delay = await loop();
  running = false;
  await readers;
  await sleep(rest * 1000);
  const all = megabytes();
  // The first only watches over the others, where there are any.
  const resting = all.length > 1 ? all.slice(1) : all;
  const slope = slopeOf(looks.slice(Math.floor(looks.length * warmUp)));
  const holds = slope <= bound && resting.every((one) => one <= restingBound);
  return { minutes, pace, messages, memory: looks.map(({ value }) => value), slope, loop: delay, resting, holds };
}

export function soakText({ minutes, pace, messages, memory, slope, loop, resting }: Soak, bound: number): string {
  const mb = (n: number | undefined): string => (n === undefined ? '–' : n.toFixed(0));
  const thirds = [0, 1, 2].map((n) => memory.slice(Math.floor((n * memory.length) / 3), Math.floor(((n + 1) * memory.length) / 3)));
  const isMet = (met: boolean): string => (met ? 'holds' : 'MISSED');
  return [
    `${messages} messages in ${minutes} minutes (${(messages / minutes / 60).toFixed(0)} a second, meant were ${pace.toFixed(0)}) to accounts that read and delete them`,
    `memory ${mb(memory[0])} MB at first, ${mb(Math.max(...memory))} at most, ${mb(memory.at(-1))} at last; medians of thirds ${thirds.map((third) => mb(median(third))).join(', ')}; every ${between(minutes)} s: ${memory.map(mb).join(' ')}`,
    `after the first third ${slope >= 0 ? '+' : ''}${slope.toFixed(1)} MB an hour, ${isMet(slope <= bound)} (at most ${bound}); ${delayNote(loop)}`,
    `at rest for ${rest} s ${resting.map(mb).join(' and ')} MB a worker, ${isMet(Math.max(...resting) <= restingBound)} (at most ${restingBound})`,
  ].join('\n');
}
