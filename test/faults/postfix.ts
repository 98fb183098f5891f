import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { postfixInstalled, startPostfix } from '../../bench/servers/postfix.ts';
import { selfSigned } from '../support/certificate.ts';
import { children } from '../support/worker-connection.ts';
import { type BreakingProxy, breakingProxy } from './breaking-proxy.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures, Skip, seeded } from './fault-test.ts';

const accounts = 10;

/** A file of a message that Postfix has not sent on. */
const queued = /^(?:maildrop|incoming|active|deferred)\/(?:.*\/)?[0-9A-Za-z]{6,}$/;

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

interface Exchange {
  /** Ours sends. */
  readonly outward: boolean;
  readonly messages: number;
  readonly kills: number;
  /** The way between them breaks connections, and ours is killed; else only the two are killed, in turns. */
  readonly badWay: boolean;
}

/** Postfix and ours, one sending to the other, killed meanwhile. */
async function exchange({ outward, messages, kills, badWay }: Exchange): Promise<string> {
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
    const soon = 'service_throttle_time = 1s\ntransport_retry_time = 1s\n';
    if (outward) {
      postfix = await startPostfix(root, accounts, null, pair, soon);
      proxy = await breakingProxy(postfix.ports.smtp!, random);
      const backoff = { POSTCOTE_RELAY__MINIMAL_BACKOFF_TIME: '1s', POSTCOTE_RELAY__MAXIMAL_BACKOFF_TIME: '2s' };
      // Of those that a worker sends at once, one may be between text and reply.
      ours = await faultServer({
        accounts: users,
        workers: badWay ? 2 : 1,
        env: { ...backoff, POSTCOTE_RELAY__TRANSPORT: `bench.test=[127.0.0.1]:${proxy.port}` },
      });
    } else {
      // What Postfix may not relay through us, so that only our mailboxes are the matter.
      ours = await faultServer({ accounts: users, env: { POSTCOTE_SMTP__MYNETWORKS: '' } });
      proxy = await breakingProxy(ours.ports.SMTP, random);
      const often = 'minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\nsmtp_tls_security_level = may\n';
      const hop = `transport_maps = inline:{ { example.com = smtp:[127.0.0.1]:${proxy.port} } }\n`;
      const never = 'default_destination_concurrency_failed_cohort_limit = 0\nsmtp_connection_cache_on_demand = no\n';
      // Of those that it sends at once, each may be between text and reply.
      const single = badWay ? '' : 'default_destination_concurrency_limit = 1\ninitial_destination_concurrency = 1\n';
      postfix = await startPostfix(root, accounts, null, pair, soon + often + hop + never + single);
    }
    stops.push(
      () => proxy.close(),
      () => postfix.stop(),
      () => ours.close(),
    );
    const mode = badWay ? 'break' : 'gentle';
    const dirs = outward
      ? Array.from({ length: accounts }, (_, n) => join(postfix.maildir(`u${n}@bench.test`), 'new'))
      : users.map((user) => join(ours.dir, 'mail/example.com', user.split('@')[0]!, 'Maildir/new'));
    proxy.mode = outward || !badWay ? 'refuse' : mode;
    if (outward) await submit(ours.ports.SMTP, users[0]!, (n) => `u${n % accounts}@bench.test`, messages);
    else await submit(postfix.ports.smtp!, 'u0@bench.test', (n) => users[n % accounts]!, messages);
    proxy.mode = mode;
    const under = { whileUnderWay: 0 };
    for (let n = 0; n < kills; n++) {
      if (badWay) await sleep(200 + random() * 500);
      else await someMore(dirs, 1 + Math.floor(random() * (messages / kills / 2)));
      if (arrived(dirs).counts.size < messages) under.whileUnderWay++;
      if (badWay || n % 3 === 0) {
        await ours.killAll();
        await ours.start();
      } else await killPostfix(postfix, n % 3 === 1);
    }
    await settle(messages, dirs, proxy, 60_000);
    // Nobody sends anything again.
    await sleep(3_000);
    const { counts, damaged } = arrived(dirs);
    const copies = [...counts.values()].reduce((all, count) => all + count, 0);
    const duplicates = copies - counts.size;
    const { busy, cutFromClient, cutFromServer, slow } = proxy.did;
    const errors = ours.errors().length;
    const way = badWay ? { busy, cutFromClient, cutFromServer, slow } : under;
    // Of those that did not arrive: whether it still has them, or somebody took them and lost them.
    const inPostfix = readdirSync(join(root, 'queue'), { recursive: true, encoding: 'utf8' }).filter((name) => queued.test(name)).length;
    const values = { messages, kills, ...way, lost: messages - counts.size, inPostfix, duplicates, damaged, errors };
    // A cut, or a kill with up to twenty sessions open, may come between the end of a text and its reply. RFC 1047
    return figures(values, ['lost', 'damaged', 'errors'], { duplicates: badWay ? sum(proxy) + 20 * kills : kills });
  } finally {
    for (const stop of stops) await stop().catch(() => {});
    rmSync(root, { recursive: true, force: true });
  }
}

/** Waits until so many more have come, or no more do. */
async function someMore(dirs: readonly string[], count: number): Promise<void> {
  const before = arrived(dirs).counts.size;
  for (let i = 0; i < 500 && arrived(dirs).counts.size < before + count; i++) await sleep(10);
}

/** SIGKILL to all of its processes, or to those that talk to us: others it starts anew only when their time comes. */
async function killPostfix(postfix: Awaited<ReturnType<typeof startPostfix>>, whole: boolean): Promise<void> {
  const master = postfix.pids[0]!;
  const others = children(master).filter((pid) => whole || ['smtp', 'smtpd'].includes(commandOf(pid)));
  for (const pid of [...(whole ? [master] : []), ...others]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  if (!whole) return;
  for (let i = 0; i < 500 && commandOf(master) === 'master'; i++) await sleep(10);
  await postfix.start();
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

export const postfixTests: readonly FaultTest[] = [
  { name: 'from-postfix', run: ({ long }) => exchange({ outward: false, messages: long ? 500 : 100, kills: long ? 10 : 3, badWay: true }) },
  { name: 'to-postfix', run: ({ long }) => exchange({ outward: true, messages: long ? 500 : 100, kills: long ? 10 : 3, badWay: true }) },
  {
    name: 'kills-from-postfix',
    run: ({ long }) => exchange({ outward: false, messages: long ? 1_000 : 200, kills: long ? 30 : 6, badWay: false }),
  },
  {
    name: 'kills-to-postfix',
    run: ({ long }) => exchange({ outward: true, messages: long ? 2_000 : 400, kills: long ? 30 : 6, badWay: false }),
  },
];
