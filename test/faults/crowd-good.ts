// The process of the good clients: `N` on its input has them ask for N milliseconds, and it says how long they waited.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../support/imap.ts';
import { SmtpTalk } from '../support/smtp.ts';

/** One window. */
export interface Waits {
  readonly requests: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Share of one core that this process took. */
  readonly cpu: number;
}

const [smtp, imap, count, accounts] = process.argv.slice(2).map(Number) as [number, number, number, number];
const clients: ImapClient[] = [];
for (let n = 0; n < count; n++) {
  const client = await ImapClient.connect(imap);
  await client.line();
  await client.ok(`LOGIN g${n % accounts}@example.com secret`);
  await client.ok('SELECT INBOX');
  clients.push(client);
}

async function waits(duration: number): Promise<Waits> {
  const found: number[] = [];
  const began = performance.now();
  const cpu = process.cpuUsage();
  const time = async (work: () => Promise<unknown>): Promise<void> => {
    const asked = performance.now();
    await work();
    found.push(performance.now() - asked);
  };
  await Promise.all(
    clients.map(async (client, n) => {
      await sleep(n * 4);
      while (performance.now() < began + duration) {
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
  found.sort((a, b) => a - b);
  const { user, system } = process.cpuUsage(cpu);
  const share = (part: number): number => found[Math.floor(found.length * part)]!;
  return { requests: found.length, p50: share(0.5), p99: share(0.99), cpu: (user + system) / 1000 / (performance.now() - began) };
}

process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await waits(Number(line)))}\n`);
process.exit(0);
