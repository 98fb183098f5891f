import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { AccountId, Uid } from '../../src/mail/numbers.ts';
import { openStore } from '../../src/store/open-store.ts';
import { storeDefaults } from '../../src/store/settings.ts';
import type { Said } from './crash-child.ts';

/** What the children were told, and what they were about to do. */
class Ledger {
  /** Acknowledged: place to body. */
  readonly there = new Map<string, string>();
  /** Ever acknowledged, never to be another message's. */
  readonly ever = new Map<string, string>();
  readonly flags = new Map<string, number>();
  readonly gone = new Set<string>();
  /** Under way when the child died: place unknown. */
  readonly loose = new Map<string, { from: string; mayBeGone: boolean }>();

  /** Changes of flags without an answer yet: while there are some, either may have come last. */
  readonly #touching = new Map<string, number>();

  take(line: Said): void {
    const place = `${line.box} ${line.uid}`;
    if (line.op === 'append') this.#put(place, line.body);
    else if (line.op === 'touch') {
      this.flags.delete(place);
      this.#touching.set(place, (this.#touching.get(place) ?? 0) + 1);
    } else if (line.op === 'flags') {
      const others = this.#touching.get(place)! - 1;
      this.#touching.set(place, others);
      if (others === 0 && line.flags >= 0) this.flags.set(place, line.flags);
    } else if (line.op === 'leave') {
      this.there.delete(place);
      this.flags.delete(place);
      this.loose.set(line.body, { from: place, mayBeGone: line.forGood ?? false });
    } else if (line.op === 'move') {
      this.loose.delete(line.body);
      this.gone.add(place);
      this.#put(`${line.to} ${line.target}`, line.body);
    } else if (line.op === 'expunge') {
      this.loose.delete(line.body);
      this.gone.add(place);
    }
  }

  #put(place: string, body: string): void {
    expect(this.ever.get(place) ?? body, `UID reused at ${place}`).toBe(body);
    this.ever.set(place, body);
    this.there.set(place, body);
  }
}

async function run(home: string, ledger: Ledger, lifetime: number): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [new URL('./crash-child.ts', import.meta.url).pathname, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! });
  let timer: NodeJS.Timeout | undefined;
  lines.on('line', (text) => {
    let line: Said;
    try {
      line = JSON.parse(text) as Said;
    } catch {
      return;
    }
    if (line.op === 'ready') timer = setTimeout(() => child.kill('SIGKILL'), lifetime);
    else ledger.take(line);
  });
  await new Promise((resolve) => lines.on('close', resolve));
  clearTimeout(timer);
}

const rounds = Number(process.env.POSTCOTE_CRASH_ROUNDS ?? 4);

it('keeps what was acknowledged through kill -9 of two processes', { timeout: 30_000 + rounds * 10_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-crash-'));
  const home = join(dir, 'mail');
  const ledger = new Ledger();
  for (let round = 0; round < rounds; round++) {
    await Promise.all([run(home, ledger, 200 + Math.random() * 500), run(home, ledger, 200 + Math.random() * 500)]);
    await check(home, ledger);
    // The index may go as well.
    if (round === 1) for (const name of readdirSync(home)) if (name.startsWith('postcote.sqlite')) rmSync(join(home, name));
  }
  await check(home, ledger);
  console.log(
    `${rounds} rounds: ${ledger.ever.size} places, ${ledger.there.size} there, ${ledger.gone.size} gone, ${ledger.loose.size} under way`,
  );
  expect(ledger.ever.size).toBeGreaterThan(rounds * 10);
  rmSync(dir, { recursive: true, force: true });
});

async function check(home: string, ledger: Ledger): Promise<void> {
  const store = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  const mail = await store.open({ id: 1 as AccountId, address: 'crash@example.com', home, quota: 0 });
  const found = new Map<string, string>();
  const places = new Map<string, string[]>();
  const flags = new Map<string, number>();
  for (const box of ['INBOX', 'Archive']) {
    const { id } = mail.find(box)!;
    await mail.refresh(id);
    const view = mail.snapshot(id);
    expect(mail.status(id).messages).toBe(view.uids.length);
    for (const [i, uid] of view.uids.entries()) {
      const file = await mail.openMessage(id, uid as Uid);
      const body = file.readSync(0, file.size).toString().split('\n')[2]!;
      file.close();
      const place = `${box} ${uid}`;
      found.set(place, body);
      places.set(body, [...(places.get(body) ?? []), place]);
      flags.set(place, view.flags[i]!);
      expect(ledger.ever.get(place) ?? body, `${place} is another message`).toBe(body);
    }
  }
  for (const [place, body] of ledger.there) expect(found.get(place), `lost ${place}`).toBe(body);
  for (const [place, wanted] of ledger.flags) if (ledger.there.has(place)) expect(flags.get(place), `flags of ${place}`).toBe(wanted);
  for (const place of ledger.gone) expect(found.has(place), `${place} came back`).toBe(false);
  for (const [body, { mayBeGone }] of ledger.loose) {
    const at = places.get(body) ?? [];
    if (mayBeGone) expect(at.length).toBeLessThanOrEqual(1);
    else expect(at, `a message on its way between mailboxes`).toHaveLength(1);
  }
  for (const [body, at] of places) expect(at, `${body} is there twice`).toHaveLength(1);
  await store.close();
  const files = ['Maildir/new', 'Maildir/cur', 'Maildir/.Archive/new', 'Maildir/.Archive/cur'].flatMap((part) =>
    readdirSync(join(home, part)),
  );
  expect(files).toHaveLength(found.size);
}
