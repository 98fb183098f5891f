import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { stagedBytes } from '../../src/base/staging.ts';
import { openQueue } from '../../src/queue/open.ts';
import { defaultQueueSettings } from '../../src/queue/settings.ts';
import { startSink } from '../support/smtp-sink.ts';

export interface KillResult {
  readonly kills: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly damaged: number;
  /** Journals left. */
  readonly left: number;
  /** Spool files of mail that is done, left by a kill between commit and unlink: swept at a start an hour later. */
  readonly orphans: number;
}

const child = fileURLToPath(new URL('relay-kill-child.ts', import.meta.url));

/** Sends `messages` to a sink by processes that are killed with SIGKILL, up to `kills` times, then counts what came. A message whose reply was on its way at a kill comes twice: RFC 5321 6.1 prefers that to losing it. */
export async function relayKill(messages: number, kills: number): Promise<KillResult> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-relay-kill-'));
  const sink = await startSink();
  const text = (n: number): string => `Subject: ${n}\nX-Number: ${n}\n\n${`line of message ${n}\n`.repeat(100)}`;
  const queue = openQueue({ ...defaultQueueSettings, dir }, { clock: systemClock, log: silentLog });
  await Promise.all(
    Array.from({ length: messages }, (_, n) =>
      queue.enqueue({
        id: queue.nextId(),
        envelope: { reversePath: { localPart: 'ann', domain: 'here.test' }, body: '7bit', smtputf8: false, requireTls: false },
        recipients: [{ address: { localPart: `u${n}`, domain: `d${n % 10}.test` }, original: `u${n}@d${n % 10}.test`, transport: 'relay' }],
        message: stagedBytes(Buffer.from(text(n))),
        sender: null,
      }),
    ),
  );
  await queue.close();

  let killed = 0;
  for (let done = false; !done; ) {
    const runner = spawn(process.execPath, [child, dir, String(sink.port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<void>((resolve) => runner.on('close', () => resolve()));
    const mayKill = killed < kills;
    runner.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('empty')) done = true;
      if (chunk.toString().includes('started') && mayKill) setTimeout(() => runner.kill('SIGKILL'), Math.random() * 80);
    });
    await ended;
    if (runner.signalCode === 'SIGKILL') killed++;
    else if (!done) throw new Error(`the runner ended by itself: ${runner.exitCode}`);
  }
  const counts = new Map<number, number>();
  let damaged = 0;
  for (const one of sink.received) {
    const n = Number(/^X-Number: (\d+)$/m.exec(one.text)?.[1] ?? -1);
    if (one.text !== text(n)) damaged++;
    counts.set(n, (counts.get(n) ?? 0) + 1);
  }
  const left = readdirSync(join(dir, 'outcome')).length;
  const orphans = readdirSync(join(dir, 'spool')).length;
  await sink.close();
  rmSync(dir, { recursive: true, force: true });
  return { kills: killed, lost: messages - counts.size, duplicates: sink.received.length - counts.size, damaged, left, orphans };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [messages = 2000, kills = 50] = process.argv.slice(2).map(Number);
  const result = await relayKill(messages, kills);
  console.log(JSON.stringify({ messages, ...result }));
  process.exitCode = result.lost + result.damaged + result.left === 0 && result.duplicates <= result.kills ? 0 : 1;
}
