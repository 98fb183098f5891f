// Thousands of clients that do nothing or as little as they can: how long a hundred good ones wait meanwhile.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ImapClient } from '../support/imap.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { sendMail } from './clients.ts';
import { children, faultServer } from './fault-server.ts';
import { type FaultTest, figures, Skip } from './fault-test.ts';
import { messageText } from './ledger.ts';

const accounts = Array.from({ length: 10 }, (_, n) => `g${n}@example.com`);
const good = 100;

/** Waits of the good clients' requests in `duration` milliseconds, ascending. */
async function waits(clients: readonly ImapClient[], smtp: number, duration: number): Promise<number[]> {
  const found: number[] = [];
  const end = performance.now() + duration;
  const time = async (work: () => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    await work();
    found.push(performance.now() - began);
  };
  await Promise.all(
    clients.map(async (client, n) => {
      await sleep(n * 4);
      while (performance.now() < end) {
        await time(() => client.ok('NOOP'));
        await time(() => client.ok('UID FETCH 1:* (FLAGS RFC822.SIZE)'));
        await time(async () => {
          const talk = await SmtpTalk.to(smtp);
          const greeting = await talk.reply();
          await talk.say('EHLO good.test');
          talk.close();
          if (!greeting.startsWith('220')) throw new Error(greeting);
        });
        await sleep(400);
      }
    }),
  );
  return found.sort((a, b) => a - b);
}

const share = (sorted: readonly number[], part: number): number => Math.round(sorted[Math.floor(sorted.length * part)]! * 10) / 10;

async function crowd(kind: 'slow' | 'idle', count: number): Promise<string> {
  const limit = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
  if (limit < count + 500) throw new Skip(`${limit} descriptors for ${count} connections`);
  const server = await faultServer({ accounts });
  const resident = (): number =>
    [server.process.pid, ...children(server.process.pid)].reduce(
      (sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
      0,
    );
  const clients: ImapClient[] = [];
  let child: ChildProcess | null = null;
  try {
    for (const account of accounts) for (let n = 0; n < 5; n++) await sendMail(server.ports.SMTP, account, messageText(n));
    for (let n = 0; n < good; n++) {
      const client = await ImapClient.connect(server.ports.IMAP);
      await client.line();
      await client.ok(`LOGIN ${accounts[n % accounts.length]} secret`);
      await client.ok('SELECT INBOX');
      clients.push(client);
    }
    await waits(clients, server.ports.SMTP, 1500);
    const before = await waits(clients, server.ports.SMTP, 6000);
    const memory = resident();
    const { SMTP, IMAP, IMAPS } = server.ports;
    const program = fileURLToPath(new URL('crowd-child.ts', import.meta.url));
    child = spawn(process.execPath, [program, kind, String(count), String(SMTP), String(IMAP), String(IMAPS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const standing = async (): Promise<number> => Number(/standing (\d+)/.exec(String((await once(child!.stdout!, 'data'))[0]))?.[1]);
    const came = await standing();
    const grown = resident() - memory;
    await sleep(2000);
    const during = await waits(clients, server.ports.SMTP, 6000);
    child.stdin!.write('?\n');
    const stayed = await standing();
    const delivered = await sendMail(server.ports.SMTP, accounts[0]!, messageText(100));
    child.stdin!.end();
    await once(child, 'exit');
    await sleep(500);
    // Idle on both sides of the crowd: the machine may have other work now and then.
    const after = await waits(clients, server.ports.SMTP, 6000);
    const idle = Math.max(share(before, 0.99), share(after, 0.99), 5);
    return figures(
      {
        clients: count,
        came,
        stayed,
        requests: during.length,
        idleP50: share(before, 0.5),
        idleP99: share(before, 0.99),
        p50: share(during, 0.5),
        p99: share(during, 0.99),
        timesIdle: Math.round((share(during, 0.99) / idle) * 100) / 100,
        afterP99: share(after, 0.99),
        grownKiBEach: Math.round((grown * 1024) / count),
        notDelivered: Number(!delivered.startsWith('250')),
        workersDied: server.logs().filter(({ msg }) => msg === 'worker died, replacing it').length,
        errors: server.errors().length,
      },
      ['notDelivered', 'workersDied', 'errors'],
      { timesIdle: 2 },
      { came: count },
    );
  } finally {
    for (const client of clients) client.close();
    child?.kill('SIGKILL');
    await server.close();
  }
}

export const crowdTests: readonly FaultTest[] = [
  { name: 'slow-clients', run: ({ long }) => crowd('slow', long ? 10_000 : 1000) },
  { name: 'idle-clients', run: ({ long }) => crowd('idle', long ? 10_000 : 1000) },
];
