import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { postfixInstalled, startPostfix } from '../../bench/servers/postfix.ts';
import { selfSigned } from '../support/certificate.ts';
import { type BreakingProxy, breakingProxy } from './breaking-proxy.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures, Skip, seeded } from './fault-test.ts';

const accounts = 10;

const text = (n: number): string =>
  `Subject: ${n}\nX-Number: ${n}\n\n${`.line of message ${n}\n..\n`.repeat(1 + (n % 7 === 0 ? 12_000 : n * 3))}`;

/** Messages in mailboxes, by number; those that are not what was sent count as damaged. */
function arrived(dirs: readonly string[]): { counts: Map<number, number>; damaged: number } {
  const counts = new Map<number, number>();
  let damaged = 0;
  for (const dir of dirs) {
    for (const name of names(dir)) {
      const whole = readFileSync(join(dir, name), 'latin1');
      const n = Number(/^X-Number: (\d+)$/m.exec(whole)?.[1] ?? -1);
      if (n < 0) continue;
      counts.set(n, (counts.get(n) ?? 0) + 1);
      if (!whole.endsWith(text(n).slice(text(n).indexOf('\n\n')))) damaged++;
    }
  }
  return { counts, damaged };
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

async function submit(port: number, from: string, to: (n: number) => string, messages: number): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true, pool: true, maxConnections: 5, maxMessages: 1_000 });
  await Promise.all(
    Array.from({ length: messages }, (_, n) =>
      transport.sendMail({ envelope: { from, to: to(n) }, raw: text(n).replaceAll('\n', '\r\n') }),
    ),
  );
  transport.close();
}

const sum = (proxy: BreakingProxy): number => proxy.did.cutFromClient + proxy.did.cutFromServer;

/** Waits until `count` different numbers are there; the way is good again after half of the time. */
async function settle(count: number, dirs: readonly string[], proxy: BreakingProxy, most: number): Promise<void> {
  const began = Date.now();
  while (arrived(dirs).counts.size < count && Date.now() - began < most) {
    if (Date.now() - began > most / 2) proxy.mode = 'gentle';
    await sleep(300);
  }
}

/** Postfix and ours, one sending to the other over a bad way, ours killed meanwhile. `outward`: ours sends. */
async function exchange(outward: boolean, messages: number, kills: number): Promise<string> {
  if (!postfixInstalled() || process.getuid?.() !== 0) throw new Skip('needs Postfix in /usr/lib/postfix and root');
  const root = mkdtempSync(join(tmpdir(), 'postcote-postfix-'));
  const pem = join(root, 'pair.pem');
  writeFileSync(pem, selfSigned('mail.bench.test'));
  const random = seeded(outward ? 7 : 11);
  const users = Array.from({ length: accounts }, (_, n) => `user${n}@example.com`);
  const stops: (() => Promise<unknown>)[] = [];
  try {
    let proxy: BreakingProxy;
    let ours: Awaited<ReturnType<typeof faultServer>>;
    let postfix: Awaited<ReturnType<typeof startPostfix>>;
    const pair = { cert: pem, key: pem };
    if (outward) {
      postfix = await startPostfix(root, accounts, null, pair);
      proxy = await breakingProxy(postfix.ports.smtp!, random);
      const backoff = { POSTCOTE_RELAY__MINIMAL_BACKOFF_TIME: '1s', POSTCOTE_RELAY__MAXIMAL_BACKOFF_TIME: '2s' };
      ours = await faultServer({ accounts: users, env: { ...backoff, POSTCOTE_RELAY__TRANSPORT: `bench.test=[127.0.0.1]:${proxy.port}` } });
    } else {
      // What Postfix may not relay through us, so that only our mailboxes are the matter.
      ours = await faultServer({ accounts: users, env: { POSTCOTE_SMTP__MYNETWORKS: '' } });
      proxy = await breakingProxy(ours.ports.SMTP, random);
      const often = 'minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\nsmtp_tls_security_level = may\n';
      const hop = `transport_maps = inline:{ { example.com = smtp:[127.0.0.1]:${proxy.port} } }\n`;
      const never = 'default_destination_concurrency_failed_cohort_limit = 0\nsmtp_connection_cache_on_demand = no\n';
      postfix = await startPostfix(root, accounts, null, pair, often + hop + never);
    }
    stops.push(
      () => proxy.close(),
      () => postfix.stop(),
      () => ours.close(),
    );
    const dirs = outward
      ? Array.from({ length: accounts }, (_, n) => join(postfix.maildir(`u${n}@bench.test`), 'new'))
      : users.map((user) => join(ours.dir, 'mail/example.com', user.split('@')[0]!, 'Maildir/new'));
    if (outward) {
      proxy.mode = 'refuse';
      await submit(ours.ports.SMTP, users[0]!, (n) => `u${n % accounts}@bench.test`, messages);
      proxy.mode = 'break';
    } else await submit(postfix.ports.smtp!, 'u0@bench.test', (n) => users[n % accounts]!, messages);
    for (let n = 0; n < kills; n++) {
      await sleep(200 + random() * 500);
      await ours.killAll();
      await ours.start();
    }
    await settle(messages, dirs, proxy, 60_000);
    // Nobody sends anything again.
    await sleep(3_000);
    const { counts, damaged } = arrived(dirs);
    const copies = [...counts.values()].reduce((all, count) => all + count, 0);
    const duplicates = copies - counts.size;
    const { busy, cutFromClient, cutFromServer, slow } = proxy.did;
    const errors = ours.errors().length;
    const values = { messages, kills, busy, cutFromClient, cutFromServer, slow, lost: messages - counts.size, duplicates, damaged, errors };
    // A cut, or a kill with up to twenty sessions open, may come between the end of a text and its reply. RFC 1047
    return figures(values, ['lost', 'damaged', 'errors'], { duplicates: sum(proxy) + 20 * kills });
  } finally {
    for (const stop of stops) await stop().catch(() => {});
    rmSync(root, { recursive: true, force: true });
  }
}

export const postfixTests: readonly FaultTest[] = [
  { name: 'from-postfix', run: ({ long }) => exchange(false, long ? 500 : 100, long ? 10 : 3) },
  { name: 'to-postfix', run: ({ long }) => exchange(true, long ? 500 : 100, long ? 10 : 3) },
];
