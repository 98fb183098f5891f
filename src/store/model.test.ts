import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import { firstKeywordBit, flagBits } from '../mail/flags.ts';
import type { AccountId, ModSeq, Uid } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { AccountStore, FlagRow } from './store.ts';

/** What a mailbox ought to hold. */
interface Box {
  next: number;
  readonly messages: Map<number, { body: string; flags: Set<string> }>;
}

const names = ['INBOX', 'Archive', 'Lists/dev'];
const flagNames = ['\\Seen', '\\Deleted', '\\Flagged', '$Work', 'home', ...Array.from({ length: 30 }, (_, i) => `kw${i}`)];

function namesOf(mail: AccountStore, box: string, row: Pick<FlagRow, 'flags' | 'moreKeywords'>): Set<string> {
  const found = new Set<string>(row.moreKeywords);
  for (const [name, bit] of Object.entries(flagBits)) if ((row.flags & bit) !== 0) found.add(name);
  mail.keywords(mail.find(box)!.id).forEach((name, letter) => {
    if ((row.flags & (1 << (firstKeywordBit + letter))) !== 0) found.add(name);
  });
  return found;
}

/** A session that follows a mailbox by what `changes` tells, as IMAP does. */
class Follower {
  readonly flags = new Map<number, Set<string>>();
  since = 0;
  readonly #mail: AccountStore;
  readonly #box: string;
  constructor(mail: AccountStore, box: string) {
    this.#mail = mail;
    this.#box = box;
  }
  async look(): Promise<void> {
    const { id } = this.#mail.find(this.#box)!;
    const changes = await this.#mail.changes(id, this.since as ModSeq);
    const { uids, flags, moreKeywords } = changes.changed;
    for (const [i, uid] of uids.entries())
      this.flags.set(uid, namesOf(this.#mail, this.#box, { flags: flags[i]!, moreKeywords: moreKeywords.get(uid) ?? [] }));
    for (const uid of changes.expunged) this.flags.delete(uid);
    expect(changes.highestModSeq).toBeGreaterThanOrEqual(this.since);
    this.since = changes.highestModSeq;
  }
}

const flag = fc.constantFrom(...flagNames);
const box = fc.constantFrom(...names);
const step = fc.oneof(
  fc.record({
    op: fc.constant('append' as const),
    box,
    flags: fc.uniqueArray(flag, { maxLength: 3 }),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    op: fc.constant('store' as const),
    box,
    pick: fc.nat(),
    how: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
    flags: fc.uniqueArray(flag, { maxLength: 3 }),
  }),
  fc.record({ op: fc.constantFrom('copy' as const, 'move' as const), box, pick: fc.nat(), target: box }),
  fc.record({ op: fc.constant('expunge' as const), box, pick: fc.nat(), force: fc.boolean() }),
  fc.record({ op: fc.constant('refresh' as const), box }),
);

it('agrees with a model, seen from two stores', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-model-'));
  const stores = [0, 1].map(() => openStore({ ...storeDefaults, threads: 1 }, { log: silentLog }));
  let n = 0;
  const property = fc.asyncProperty(fc.array(fc.tuple(fc.nat(1), step), { maxLength: 30 }), async (steps) => {
    const account = { id: 1 as AccountId, address: `m${++n}@example.com`, home: join(dir, `m${n}`), quota: 0 };
    const mails = [await stores[0]!.open(account), await stores[1]!.open(account)];
    await mails[0]!.create('Lists/dev');
    const model = new Map<string, Box>(names.map((name) => [name, { next: 1, messages: new Map() }]));
    const followers = mails.map((mail) => names.map((name) => new Follower(mail, name)));
    const some = (b: Box, pick: number) => [...b.messages.keys()].filter((uid) => ((pick >> (uid % 8)) & 1) === 1);
    for (const [who, one] of steps) {
      const mail = mails[who]!;
      const { id } = mail.find(one.box)!;
      const b = model.get(one.box)!;
      if (one.op === 'append') {
        const bodies = Array.from({ length: one.count }, (_, i) => `${b.next + i} in ${one.box}`);
        const done = await mail.append(
          one.box,
          bodies.map((body) => ({ message: stagedBytes(Buffer.from(`Subject: s\n\n${body}`)), flags: one.flags })),
        );
        expect(done.map(({ uid }) => uid)).toEqual(bodies.map((_, i) => b.next + i));
        for (const body of bodies) b.messages.set(b.next++, { body, flags: new Set(one.flags) });
      } else if (one.op === 'store') {
        const uids = some(b, one.pick);
        await mail.store(id, uids, { op: one.how, flags: one.flags });
        for (const uid of uids) {
          const { flags } = b.messages.get(uid)!;
          if (one.how === 'replace') flags.clear();
          for (const name of one.flags)
            if (one.how === 'remove') flags.delete(name);
            else flags.add(name);
        }
      } else if (one.op === 'copy' || one.op === 'move') {
        const uids = some(b, one.pick);
        const to = model.get(one.target)!;
        const { sources, targets } = await mail[one.op](id, uids, one.target);
        expect([...sources]).toEqual(uids);
        uids.forEach((uid, i) => {
          expect(targets[i]).toBe(to.next);
          const { body, flags } = b.messages.get(uid)!;
          to.messages.set(to.next++, { body, flags: new Set(flags) });
          if (one.op === 'move') b.messages.delete(uid);
        });
      } else if (one.op === 'expunge') {
        const uids = some(b, one.pick);
        const gone = await mail.expunge(id, uids, one.force);
        const wanted = uids.filter((uid) => one.force || b.messages.get(uid)!.flags.has('\\Deleted'));
        expect([...gone]).toEqual(wanted);
        for (const uid of wanted) b.messages.delete(uid);
      } else await mail.refresh(id);

      for (const [m, seen] of mails.entries()) {
        for (const [i, name] of names.entries()) {
          const { messages, next } = model.get(name)!;
          const box = seen.find(name)!;
          const view = seen.snapshot(box.id);
          const wanted = new Map([...messages].map(([uid, { flags }]) => [uid, flags]));
          expect([...view.uids]).toEqual([...messages.keys()]);
          const flags = [...view.uids].map(
            (uid, at) =>
              [uid, namesOf(seen, name, { flags: view.flags[at]!, moreKeywords: view.moreKeywords.get(uid as Uid) ?? [] })] as const,
          );
          expect(new Map(flags)).toEqual(wanted);
          expect(seen.status(box.id)).toMatchObject({
            messages: messages.size,
            uidNext: next,
            unseen: [...messages.values()].filter((one) => !one.flags.has('\\Seen')).length,
            deleted: [...messages.values()].filter((one) => one.flags.has('\\Deleted')).length,
          });
          const follower = followers[m]![i]!;
          await follower.look();
          expect(new Map([...follower.flags].sort(([a], [b]) => a - b))).toEqual(wanted);
        }
      }
    }
    // The files in the end say the same: the index may go.
    for (const name of names) {
      const { id } = mails[0]!.find(name)!;
      for (const [uid, { body }] of model.get(name)!.messages) {
        const file = await mails[1]!.openMessage(id, uid as Uid);
        expect(file.readSync(0, file.size).toString()).toBe(`Subject: s\n\n${body}`);
        file.close();
      }
    }
    for (const mail of mails) mail.release();
  });
  await fc.assert(property, { numRuns: runs(15) });
  await Promise.all(stores.map((store) => store.close()));
  for (const home of readdirSync(dir)) {
    // What was left to be renamed is done by now.
    const check = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
    const mail = await check.open({ id: 1 as AccountId, address: 'x@example.com', home: join(dir, home), quota: 0 });
    const count = names.reduce((sum, name) => sum + ((box) => (box === null ? 0 : mail.status(box.id).messages))(mail.find(name)), 0);
    await check.close();
    const root = join(dir, home, 'Maildir');
    const files = ['', '.Archive/', '.Lists.dev/'].flatMap((folder) =>
      ['new', 'cur'].flatMap((part) => readdirSync(join(root, folder + part))),
    );
    expect(files).toHaveLength(count);
    if (Math.random() < 0.7) break;
  }
  rmSync(dir, { recursive: true, force: true });
});
