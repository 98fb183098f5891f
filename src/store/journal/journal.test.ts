import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { stagedBytes } from '../../base/staging.ts';
import type { AccountId, MailboxId, Uid } from '../../mail/numbers.ts';
import { appendRequest } from '../append-request.ts';
import { openStore } from '../open-store.ts';
import { storeDefaults } from '../settings.ts';
import type { AccountStore, MailStore } from '../store.ts';
import { AccountWriter } from '../writer/account-writer.ts';
import { append } from '../writer/append.ts';
import { type Debt, debtOf, type Job, pay } from '../writer/durable.ts';
import { openWriter } from '../writer/open.ts';
import { Journal, type JournalEntry, type JournalSettings } from './journal.ts';
import { decodeHead, decodeRecords, pageSize } from './record.ts';
import { replayJournals } from './replay.ts';
import { readSegment, Segment } from './segment.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-journal-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const settings = { segmentSize: 64 << 10, segments: 2, longest: 16 << 10, age: 60_000 };
const journalDir = (): string => join(dir, 'journal/1');
const home = (): string => join(dir, 'mail');
const entry = (n: number, length = 100): JournalEntry => ({
  place: {
    address: 'a@b',
    home: relative(journalDir(), home()),
    maildir: 'Maildir',
    objectId: 'F',
    folder: '',
    file: `new/${n}.M1P1Q1R000000000000.h,N=1.${n}`,
    uid: n,
    internalDate: n,
  },
  octets: Buffer.alloc(length, `${n}`),
  root: join(home(), 'Maildir'),
  device: statSync(dir).dev,
});

/** One that has made its first segment. */
async function readyJournal(more: Partial<JournalSettings> = {}): Promise<Journal> {
  const journal = new Journal({ ...settings, dir: journalDir(), ...more }, silentLog);
  await vi.waitFor(() => expect(journal.takes(1)).toBe(true));
  return journal;
}
const segments = (slot = '1'): string[] => readdirSync(join(dir, 'journal', slot)).map((name) => join(dir, 'journal', slot, name));
const recorded = (slot?: string): number[] =>
  segments(slot)
    .flatMap((path) => readSegment(path)?.records ?? [])
    .map(({ place }) => place.uid)
    .sort((a, b) => a - b);

describe('a journal', () => {
  it('keeps what it took, in pages of its own a batch, and nothing after a clean stop', async () => {
    mkdirSync(join(home(), 'Maildir'), { recursive: true });
    const journal = await readyJournal();
    expect(journal.append([entry(1), entry(2, 5000)], true)).toBe(true);
    expect(await journal.append([entry(3)], false)).toBe(true);
    expect(recorded()).toEqual([1, 2, 3]);
    await journal.close();
    expect(segments()).toEqual([]);
  });

  it('writes at once while the disk is quick, and beside other work when it is not', async () => {
    mkdirSync(join(home(), 'Maildir'), { recursive: true });
    const journal = await readyJournal({ segmentSize: 1 << 20 });
    const append = vi.spyOn(Segment.prototype, 'append');
    let writes = 0;
    let time = 0;
    let takes = 0.1;
    vi.spyOn(performance, 'now').mockImplementation(() => {
      // Passes by writes alone, whoever else asks.
      time += (append.mock.calls.length - writes) * takes;
      writes = append.mock.calls.length;
      return time;
    });
    const write = async (): Promise<boolean> => {
      await journal.append([entry(1)], false);
      return append.mock.lastCall![1];
    };
    expect(await write()).toBe(true);
    // One that had to wait tells nothing of the others.
    takes = 50;
    expect(await write()).toBe(true);
    takes = 0.1;
    for (let n = 0; n < 20; n++) expect(await write()).toBe(true);
    takes = 2;
    for (let n = 0; n < 20; n++) await write();
    expect(await write()).toBe(false);
    takes = 0.1;
    expect(await write()).toBe(false);
    expect(await write()).toBe(true);
    vi.restoreAllMocks();
    await journal.close();
  });

  it('takes no more than its segments hold, until they are synced', async () => {
    mkdirSync(join(home(), 'Maildir'), { recursive: true });
    const journal = await readyJournal();
    let taken = 0;
    let n = 0;
    for (; n < 100; n++) if (journal.append([entry(n, 10_000)], true) === true) taken++;
    expect(taken).toBeGreaterThan(3);
    expect(taken).toBeLessThan(12);
    await vi.waitFor(() => expect(journal.append([entry(++n, 10_000)], true)).toBe(true), { timeout: 20_000 });
    await journal.close();
  });

  it('is read up to the first octet that is not as written, whatever is changed, and never throws', async () => {
    const journal = await readyJournal();
    for (let batch = 0; batch < 5; batch++) void journal.append([entry(batch * 2, 700 * batch), entry(batch * 2 + 1, 33)], true);
    const whole = segments()
      .map((path) => readFileSync(path))
      .find((octets) => decodeHead(octets) !== null)!;
    const head = decodeHead(whole)!;
    const ends = decodeRecords(whole, head).map(({ octets }) => octets.byteOffset - whole.byteOffset + octets.length);
    // Two records a batch: the first begins with a page, the second where that one ends.
    const starts = ends.map((_, i) => (i === 0 ? 0 : i % 2 === 0 ? Math.ceil(ends[i - 1]! / pageSize) * pageSize : ends[i - 1]!));
    const change = fc.record({
      at: fc.nat({ max: ends.at(-1)! + 100 }),
      value: fc.uint8Array({ minLength: 1, maxLength: 700 }),
      cut: fc.boolean(),
    });
    fc.assert(
      fc.property(change, ({ at, value, cut }) => {
        const torn = Buffer.from(whole);
        if (cut) torn.fill(0, at);
        else torn.set(value.subarray(0, torn.length - at), at);
        const left = decodeHead(torn);
        const read = left === null ? [] : decodeRecords(torn, left).map(({ place }) => place.uid);
        const damaged = starts.findIndex((start, i) => !torn.subarray(start, ends[i]).equals(whole.subarray(start, ends[i])));
        expect(read).toEqual(Array.from({ length: damaged === -1 ? ends.length : damaged }, (_, i) => i));
      }),
      { numRuns: 300 },
    );
    await journal.close();
  });

  it('takes over what a process that was killed has left, and syncs it', async () => {
    mkdirSync(join(home(), 'Maildir'), { recursive: true });
    const journal = await readyJournal();
    void journal.append([entry(1)], true);
    // The first one lives on: its lock is not on what the next one finds.
    cpSync(journalDir(), join(dir, 'journal/2'), { recursive: true });
    const next = await readyJournal({ dir: join(dir, 'journal/2') });
    expect(recorded('2')).toEqual([1]);
    await next.close();
    expect(recorded('2')).toEqual([]);
    await journal.close();
  });

  it('leaves what a process that lives on still writes alone, and takes its place when that one ends', async () => {
    mkdirSync(join(home(), 'Maildir'), { recursive: true });
    const before = await readyJournal();
    const empty = segments();
    // What the next server does, whose primary was killed alone.
    replayJournals(join(dir, 'journal'), 1, silentLog, { sync: () => {} });
    const next = new Journal({ ...settings, dir: journalDir() }, silentLog);
    expect(segments()).toEqual(empty);
    void before.append([entry(1)], true);
    replayJournals(join(dir, 'journal'), 0, silentLog, { sync: () => {} });
    await setTimeout(300);
    expect(next.takes(1)).toBe(false);
    void before.append([entry(2)], true);
    expect(recorded()).toEqual([1, 2]);
    await before.close();
    await vi.waitFor(() => expect(next.takes(1)).toBe(true));
    void next.append([entry(3)], true);
    expect(recorded()).toEqual([3]);
    await next.close();
    expect(segments()).toEqual([]);
  });

  it('may be closed before it could begin', async () => {
    const before = await readyJournal();
    const next = new Journal({ ...settings, dir: journalDir() }, silentLog);
    await next.close();
    expect(before.append([entry(1)], true)).toBe(true);
    await before.close();
  });
});

describe('a write to the journal that fails', () => {
  function delivered(journal: Journal): { debt: Debt; job: Job; writer: AccountWriter } {
    const { writer } = openWriter({ address: 'a@b', home: home() }, { ...storeDefaults, minFree: 0 }, silentLog);
    writer.journal = { journal, device: journal.device(writer.root)!, home: journal.homeOf(home()) };
    const operation = append(
      writer,
      appendRequest('INBOX', [{ message: stagedBytes(Buffer.from('Subject: x\n\nx\n')), flags: [] }], 0, {}).request,
    );
    operation.prepare!(false);
    expect(operation.unsynced!()).toEqual([]);
    const job: Job = { held: { writer }, operation, outcome: writer.run([operation])[0]! };
    return { debt: debtOf(new Map([[{ writer }, [job]]])), job, writer };
  }
  const failing = (): never => {
    throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });
  };

  it('is made good by the sync of the files, and the journal rests', async () => {
    const journal = await readyJournal();
    const { debt, job, writer } = delivered(journal);
    vi.spyOn(Segment.prototype, 'append').mockImplementationOnce(failing);
    await pay(debt, journal, true, silentLog);
    expect(job.outcome!.error).toBeUndefined();
    expect(journal.takes(1)).toBe(false);
    job.operation.dispose!();
    writer.close();
    await journal.close();
  });

  it.each(['file', 'folder'] as const)('acknowledges nothing when the %s cannot be synced either', async (which) => {
    const journal = await readyJournal();
    const { debt, job, writer } = delivered(journal);
    vi.spyOn(Segment.prototype, 'append').mockRejectedValueOnce(new Error('EIO: i/o error, write'));
    const messages = debt.messages.map(({ message }) => ({
      job,
      message: which === 'file' ? { ...message, fd: 1 << 20 } : { ...message, folder: `${message.folder}.not` },
    }));
    await pay({ ...debt, messages }, journal, false, silentLog);
    expect(job.outcome!.error).toMatchObject({ kind: 'unavailable' });
    job.operation.dispose!();
    writer.close();
    await journal.close();
  });
});

describe('after the power went', () => {
  const inJournal = (): MailStore =>
    openStore(
      { ...storeDefaults, threads: 1, minFree: 0, journal: { ...settings, segmentSize: 1 << 20, dir: journalDir() } },
      { log: silentLog },
    );
  const open = (store: MailStore): Promise<AccountStore> => store.open({ id: 1 as AccountId, address: 'a@b', home: home(), quota: 0 });
  const put = async (mail: AccountStore, text: string, box = 'INBOX'): Promise<Uid> => {
    const [done] = await mail.append(box, [{ message: stagedBytes(Buffer.from(`Subject: x\n\n${text}\n`)), flags: [] }]);
    return done!.uid;
  };
  const texts = async (mail: AccountStore, box: string): Promise<Record<number, string>> => {
    const id = mail.find(box)!.id;
    await mail.refresh(id);
    const found: Record<number, string> = {};
    for (const uid of mail.snapshot(id).uids) {
      const file = await mail.openMessage(id, uid as Uid);
      found[uid] = file.readSync(0, file.size).toString().split('\n')[2]!;
      file.close();
    }
    return found;
  };
  const files = (): string[] =>
    readdirSync(join(home(), 'Maildir'), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && /R[0-9a-f]{12}\./.test(one.name))
      .map((one) => join(one.parentPath, one.name));

  /** The journal as it is now outlives what follows: `close` would empty it. */
  async function killed(store: MailStore, damage: () => void): Promise<void> {
    cpSync(join(dir, 'journal'), join(dir, 'kept'), { recursive: true });
    await store.close();
    rmSync(join(dir, 'journal'), { recursive: true });
    renameSync(join(dir, 'kept'), join(dir, 'journal'));
    damage();
    const index = new AccountWriter({ address: 'a@b', home: home() }, storeDefaults, silentLog);
    index.account.setReady(true, 'before');
    index.close();
    replayJournals(join(dir, 'journal'), 1, silentLog, { boot: 'after', sync: () => {} });
    expect(existsSync(journalDir()) ? readdirSync(journalDir()) : []).toEqual([]);
  }

  /** Until there is a first segment files are synced: what is damaged here must be in the journal. */
  async function history(): Promise<{ store: MailStore; mail: AccountStore; inbox: MailboxId }> {
    const store = inJournal();
    const mail = await open(store);
    do await put(mail, 'first');
    while (recorded().length === 0);
    return { store, mail, inbox: mail.find('INBOX')!.id };
  }
  const journaled = (): string[] => {
    const names = segments()
      .flatMap((path) => readSegment(path)?.records ?? [])
      .map(({ place }) => place.file.slice(4).split(',')[0]!);
    return files().filter((path) => names.some((name) => path.includes(name)));
  };

  it.each([
    ['empty', (path: string) => truncateSync(path, 0)],
    ['other octets', (path: string) => writeFileSync(path, 'x'.repeat(statSync(path).size))],
    ['gone', (path: string) => rmSync(path)],
  ])('messages whose files are %s are back where they were: new, flagged, moved, copied, in a renamed mailbox', async (_, damage) => {
    const { store, mail, inbox } = await history();
    const uids: Uid[] = [];
    for (const text of ['new', 'flagged', 'moved', 'copied', 'expunged', 'both']) uids.push(await put(mail, text));
    const [, flagged, moved, copied, expunged, both] = uids;
    await mail.store(inbox, [flagged!], { op: 'add', flags: ['\\Flagged'] });
    await mail.create('Other');
    const other = await put(mail, 'other', 'Other');
    await mail.rename('Other', 'Renamed');
    await mail.move(inbox, [moved!], 'Archive');
    await mail.copy(inbox, [copied!, both!], 'Archive');
    await mail.expunge(inbox, [expunged!, both!], true);
    const before = { inbox: await texts(mail, 'INBOX'), archive: await texts(mail, 'Archive') };
    expect(Object.values(before.archive).sort()).toEqual(['both', 'copied', 'moved']);
    expect(recorded().length).toBe(8);
    await killed(store, () => {
      for (const path of journaled()) damage(path);
    });
    const again = openStore({ ...storeDefaults, threads: 1, minFree: 0 }, { log: silentLog });
    const after = await open(again);
    expect(await texts(after, 'INBOX')).toEqual(before.inbox);
    expect(await texts(after, 'Archive')).toEqual(before.archive);
    expect(await texts(after, 'Renamed')).toEqual({ [other]: 'other' });
    const view = after.snapshot(after.find('INBOX')!.id);
    expect(view.flags[view.uids.indexOf(flagged!)]).not.toBe(0);
    await again.close();
  });

  it('a deleted mailbox stays deleted, and a lost index loses no UID', async () => {
    const { store, mail } = await history();
    await mail.create('Gone');
    await put(mail, 'gone', 'Gone');
    const uid = await put(mail, 'kept');
    await mail.delete('Gone');
    await killed(store, () => {
      for (const path of files()) if (readFileSync(path, 'utf8').includes('kept')) rmSync(path);
    });
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(home(), `postcote.sqlite${suffix}`), { force: true });
    const again = openStore({ ...storeDefaults, threads: 1, minFree: 0 }, { log: silentLog });
    const after = await open(again);
    expect(after.find('Gone')).toBeNull();
    expect((await texts(after, 'INBOX'))[uid]).toBe('kept');
    await again.close();
  });

  it('a file cut short that nobody was told of does not show', async () => {
    const { store, mail } = await history();
    await put(mail, 'acknowledged');
    const torn = await put(mail, 'torn');
    await killed(store, () => {
      const path = files().find((one) => readFileSync(one, 'utf8').includes('torn'))!;
      truncateSync(path, 5);
      for (const segment of segments()) {
        const octets = readFileSync(segment);
        const at = octets.indexOf('\ntorn\n');
        if (at !== -1) writeFileSync(segment, octets.fill(0, at, at + 3));
      }
    });
    const again = openStore({ ...storeDefaults, threads: 1, minFree: 0 }, { log: silentLog });
    const after = await open(again);
    expect(Object.values(await texts(after, 'INBOX')).filter((text) => text !== 'first')).toEqual(['acknowledged']);
    expect(await put(after, 'next')).toBeGreaterThan(torn);
    await again.close();
  });
});
