// The order of writes: a store's system calls are traced and replayed up to cut points onto a disk that forgets what was not flushed.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import SQLite from 'better-sqlite3';
import { silentLog } from '../../src/base/log.ts';
import { stagedBytes } from '../../src/base/staging.ts';
import type { AccountId, Uid } from '../../src/mail/numbers.ts';
import { replayJournals } from '../../src/store/journal/replay.ts';
import { openStore } from '../../src/store/open-store.ts';
import { storeDefaults } from '../../src/store/settings.ts';
import type { MailStore } from '../../src/store/store.ts';
import type { Said } from '../store/crash-child.ts';
import { has } from '../support/program.ts';
import { afterPowerCut, type DiskEvent, readTrace, type Survival } from './disk-model.ts';
import { Failed, type FaultTest, figures, Skip, seeded } from './fault-test.ts';

/** What the store had said yes to before the cut. */
function promises(events: readonly DiskEvent[], cut: number) {
  const there = new Map<string, string>();
  const ever = new Map<string, string>();
  const flags = new Map<string, number>();
  const gone = new Set<string>();
  const loose = new Map<string, boolean>();
  /** Changes of flags without an answer yet; while there are some, either may have come last. */
  const touching = new Map<string, number>();
  for (let i = 0; i < cut; i++) {
    const event = events[i]!;
    if (event.kind !== 'said' || !event.line.startsWith('{')) continue;
    const said = JSON.parse(event.line) as Said;
    const at = `${said.box} ${said.uid}`;
    const put = (place: string): void => {
      there.set(place, said.body);
      ever.set(place, said.body);
    };
    if (said.op === 'append') put(at);
    else if (said.op === 'touch') {
      flags.delete(at);
      touching.set(at, (touching.get(at) ?? 0) + 1);
    } else if (said.op === 'flags') {
      touching.set(at, touching.get(at)! - 1);
      if (touching.get(at) === 0 && said.flags >= 0) flags.set(at, said.flags);
    } else if (said.op === 'leave') {
      there.delete(at);
      flags.delete(at);
      loose.set(said.body, said.forGood ?? false);
    } else if (said.op === 'move') {
      loose.delete(said.body);
      gone.add(at);
      put(`${said.to} ${said.target}`);
    } else if (said.op === 'expunge') {
      loose.delete(said.body);
      gone.add(at);
    }
  }
  return { there, ever, flags, gone, loose };
}

/** What of the promises does not hold in `home`. */
async function violations(
  store: MailStore,
  account: number,
  home: string,
  { there, ever, flags, gone, loose }: ReturnType<typeof promises>,
): Promise<string[]> {
  const wrong: string[] = [];
  // The machine was off: the index must not believe that its last commits were kept.
  try {
    const db = new SQLite(join(home, 'postcote.sqlite'), { fileMustExist: true });
    db.exec("UPDATE account SET boot_id = 'before'");
    db.close();
  } catch {
    // None yet, or damaged: the store's business.
  }
  const mail = await store.open({ id: account as AccountId, address: `crash${account}@example.com`, home, quota: 0 });
  const places = new Map<string, string[]>();
  for (const box of ['INBOX', 'Archive']) {
    const id = mail.find(box)?.id;
    if (id === undefined) continue;
    await mail.refresh(id);
    const view = mail.snapshot(id);
    for (const [i, uid] of view.uids.entries()) {
      const at = `${box} ${uid}`;
      let body: string;
      try {
        const file = await mail.openMessage(id, uid as Uid);
        body = /^Subject: x\n\n([0-9a-f]{24})\n$/.exec(file.readSync(0, file.size).toString())?.[1] ?? 'half';
        file.close();
      } catch {
        // A row whose file never was: goes at a later look.
        continue;
      }
      if (body === 'half') wrong.push(`${at} is half a message`);
      places.set(body, [...(places.get(body) ?? []), at]);
      if (gone.has(at)) wrong.push(`${at} came back`);
      if ((ever.get(at) ?? body) !== body) wrong.push(`${at} is another message`);
      const wanted = flags.get(at);
      if (there.has(at) && wanted !== undefined && wanted !== view.flags[i]) wrong.push(`flags of ${at}: ${view.flags[i]} for ${wanted}`);
    }
  }
  for (const [at, body] of there)
    if (!(places.get(body) ?? []).includes(at)) wrong.push(`lost ${at}, now ${places.get(body)?.join() ?? 'nowhere'}`);
  for (const [body, mayBeGone] of loose) {
    const count = places.get(body)?.length ?? 0;
    if (count > 1 || (count === 0 && !mayBeGone)) wrong.push(`on its way between mailboxes and there ${count} times`);
  }
  for (const [body, at] of places) if (at.length > 1) wrong.push(`${body} is there twice: ${at.join()}`);
  // No UID may be drawn again.
  for (const box of ['INBOX', 'Archive']) {
    if (mail.find(box) === null) continue;
    const [done] = await mail.append(box, [{ message: stagedBytes(Buffer.from('Subject: x\n\nnew\n')), flags: [] }]);
    if (ever.has(`${box} ${done!.uid}`)) wrong.push(`${box} ${done!.uid} is given again`);
  }
  return wrong;
}

const calls =
  'execve,syncfs,open,openat,close,write,writev,pwritev,pwrite64,ftruncate,fsync,fdatasync,mkdir,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat';

async function powerCuts(cuts: number, lifetime: number, withJournal: boolean): Promise<string> {
  if (!has('strace')) throw new Skip('no strace');
  const dir = mkdtempSync(join(tmpdir(), 'postcote-power-'));
  const disk = join(dir, 'disk');
  const trace = join(dir, 'trace');
  const child = spawn(
    'strace',
    [
      '-f',
      '-xx',
      '-s',
      '1000000',
      '-e',
      `trace=${calls}`,
      '-e',
      'signal=none',
      '-o',
      trace,
      process.execPath,
      fileURLToPath(new URL('../store/crash-child.ts', import.meta.url)),
      join(disk, 'mail'),
      ...(withJournal ? [join(disk, 'journal/1')] : []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ready = new Promise<void>((resolve) => child.stdout.on('data', () => resolve()));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await Promise.race([ready, ended]);
  if (child.exitCode !== null) {
    rmSync(dir, { recursive: true, force: true });
    if (/ptrace|Operation not permitted/i.test(errors)) throw new Skip(`strace may not trace here: ${errors.trim().split('\n')[0]}`);
    throw new Error(errors);
  }
  await sleep(lifetime);
  // The tracer takes its child along.
  const traced = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  for (const pid of traced) process.kill(pid, 'SIGKILL');
  await ended;
  const events = readTrace(readFileSync(trace, 'latin1'), disk);
  const started = events.findIndex((event) => event.kind === 'said');
  const random = seeded(7);
  const kinds: readonly Survival[] = ['least', 'most', 'ordered', 'any'];
  const found: string[] = [];
  let broken = 0;
  const store = openStore({ ...storeDefaults, threads: 2, openAccounts: 4 }, { log: silentLog });
  for (let i = 0; i < cuts; i++) {
    let cut = started + 1 + Math.floor(((i + random()) / cuts) * (events.length - started - 1));
    // Many of them inside a write to the journal: done, and not known to be on disk.
    if (withJournal && i % 3 === 0)
      while (cut < events.length && !(events[cut]!.kind === 'sync' && events[cut - 1]!.kind === 'write')) cut++;
    const target = join(dir, `cut${i}`);
    const survival = kinds[i % kinds.length]!;
    afterPowerCut(events, cut, survival, random, disk, target);
    replayJournals(join(target, 'journal'), 1, silentLog, { boot: 'after', sync: () => {} });
    const wrong = await violations(store, i + 1, join(target, 'mail'), promises(events, cut)).catch((error: unknown) => [
      String((error as Error).stack),
    ]);
    if (wrong.length > 0) {
      broken++;
      found.push(`cut ${cut} (${survival}): ${wrong.slice(0, 3).join('; ')}`);
    }
  }
  await store.close();
  const line = {
    events: events.length,
    flushes: events.filter(({ kind }) => kind.startsWith('sync')).length,
    wholeSyncs: events.filter(({ kind }) => kind === 'syncAll').length,
    promises: events.filter((event) => event.kind === 'said' && /"op":"(append|flags|move|expunge)"/.test(event.line)).length,
    cuts,
    violations: broken,
  };
  try {
    const text = figures(line, ['violations']);
    rmSync(dir, { recursive: true, force: true });
    return text;
  } catch (error) {
    throw new Failed(`${(error as Error).message}; see ${existsSync(trace) ? trace : dir}\n  ${found.slice(0, 6).join('\n  ')}`);
  }
}

export const powerCutTests: readonly FaultTest[] = [
  { name: 'power-cut', run: ({ long }) => (long ? powerCuts(1000, 4000, true) : powerCuts(200, 2000, true)) },
  { name: 'power-cut-no-journal', run: ({ long }) => (long ? powerCuts(1000, 4000, false) : powerCuts(100, 1000, false)) },
];
