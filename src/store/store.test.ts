import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId, ModSeq, Uid } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import type { SortKey } from '../mail/sort.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { AccountStore, MailStore } from './store.ts';

let dir: string;
let store: MailStore;
let n = 0;
const log = { ...silentLog, warn: console.warn, error: console.error, child: () => log };

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-store-'));
  store = openStore(storeDefaults, { log });
});
afterAll(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

const message = (subject: string, body = 'text\n') =>
  stagedBytes(Buffer.from(`From: a@example.com\nTo: b@example.com\nSubject: ${subject}\n\n${body}`));
const account = (quota = 0) => ({ id: ++n as AccountId, address: `user${n}@example.com`, home: join(dir, `user${n}`), quota });
const inbox = (mail: AccountStore) => mail.find('INBOX')!;
const uidsOf = (mail: AccountStore, name: string) => [...mail.snapshot(mail.find(name)!.id).uids];

describe('what an APPEND answers', () => {
  const one = (subject: string, flags: string[] = []) => ({ message: message(subject), flags });
  const read = async (of: ReturnType<typeof account>, before: ModSeq) => {
    const other = openStore(storeDefaults, { log });
    try {
      const mail = await other.open(of);
      return await mail.changes(inbox(mail).id, before);
    } finally {
      await other.close();
    }
  };

  it('is what the index would be asked for', async () => {
    const of = account();
    const mail = await store.open(of);
    const { id } = inbox(mail);
    const many = Array.from({ length: 30 }, (_, i) => `keyword${i}`);
    for (const sent of [[one('a')], [one('b', ['\\Seen', '$Later']), one('c')], [one('d')], [one('e', many)]]) {
      const before = mail.snapshot(id).highestModSeq;
      const appended = await mail.append('INBOX', sent);
      const told = await mail.changes(id, before);
      expect([...told.changed.uids]).toEqual(appended.map(({ uid }) => uid));
      expect(told).toEqual(await read(of, before));
      expect(mail.find('inbox')).toEqual(mail.get(id));
    }
  });

  it('is not taken for all that happened where more did', async () => {
    const of = account();
    const mail = await store.open(of);
    const { id } = inbox(mail);
    const first = mail.snapshot(id).highestModSeq;
    await mail.append('INBOX', [one('a')]);
    const second = mail.snapshot(id).highestModSeq;
    await Promise.all([mail.append('INBOX', [one('b')]), mail.append('INBOX', [one('c')])]);
    expect(await mail.changes(id, second)).toEqual(await read(of, second));
    expect(await mail.changes(id, first)).toEqual(await read(of, first));
    const third = mail.snapshot(id).highestModSeq;
    await mail.append('INBOX', [one('d')]);
    await mail.store(id, [2], { op: 'add', flags: ['\\Flagged'] });
    expect([...(await mail.changes(id, third)).changed.uids]).toEqual([2, 4]);
    const fourth = mail.snapshot(id).highestModSeq;
    await mail.append('INBOX', [one('e')], { replaces: { id, uid: 1 as Uid } });
    const told = await mail.changes(id, fourth);
    expect([...told.expunged]).toEqual([1]);
    expect(told).toEqual(await read(of, fourth));
  });
});

describe('a new account', () => {
  it('has its mailboxes, subscribed', async () => {
    const mail = await store.open(account());
    expect(mail.list().map(({ name, specialUse }) => [name, specialUse, mail.subscriptions().includes(name)])).toEqual([
      ['Archive', '\\Archive', true],
      ['Drafts', '\\Drafts', true],
      ['INBOX', null, true],
      ['Junk', '\\Junk', true],
      ['Sent', '\\Sent', true],
      ['Trash', '\\Trash', true],
    ]);
    mail.release();
  });
});

describe('append', () => {
  it('takes mail for an account that nobody has open, and makes the mailbox', async () => {
    const target = account();
    await Promise.all(['one', 'two'].map((subject) => store.deliver(target, 'Lists', [{ message: message(subject), flags: [] }])));
    expect(readdirSync(join(target.home, 'Maildir/.Lists/new'))).toHaveLength(2);
    const mail = await store.open(target);
    expect(uidsOf(mail, 'Lists')).toEqual([1, 2]);
    mail.release();
    await expect(store.deliver({ ...target, quota: 1 }, 'Lists', [{ message: message('three'), flags: [] }])).rejects.toThrow('overQuota');
  });

  it('makes a home anew that was taken away', async () => {
    const target = account();
    const deliver = (): Promise<void> => store.deliver(target, 'INBOX', [{ message: message('x'), flags: [] }]);
    await deliver();
    rmSync(target.home, { recursive: true });
    await Promise.all([deliver(), deliver()]);
    expect(readdirSync(join(target.home, 'Maildir/new'))).toHaveLength(2);
    // The index alone is gone.
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(target.home, `postcote.sqlite${suffix}`));
    await deliver();
    expect(readdirSync(join(target.home, 'Maildir/new'))).toHaveLength(3);
    const mail = await store.open(target);
    expect(uidsOf(mail, 'INBOX')).toHaveLength(3);
    mail.release();
  });

  it('makes an index anew that was taken away, also when somebody only reads', async () => {
    const target = account();
    await store.deliver(target, 'INBOX', [{ message: message('x'), flags: [] }]);
    const mail = await store.open(target);
    const seen = uidsOf(mail, 'INBOX');
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(target.home, `postcote.sqlite${suffix}`));
    const again = (): number[] | null => {
      try {
        const uids = uidsOf(mail, 'INBOX');
        return existsSync(join(target.home, 'postcote.sqlite')) ? uids : null;
      } catch {
        return null;
      }
    };
    await expect.poll(again, { timeout: 10_000 }).toEqual(seen);
    mail.release();
  });

  it('puts a message in the place of another at once', async () => {
    const mail = await store.open(account());
    const { id } = inbox(mail);
    const [old] = await mail.append('INBOX', [{ message: message('old', 'x'.repeat(1000)), flags: [] }]);
    const before = mail.snapshot(id).highestModSeq;
    const [done] = await mail.append('INBOX', [{ message: message('new'), flags: [] }], { replaces: { id, uid: old!.uid } });
    const { changed, expunged, highestModSeq } = await mail.changes(id, before);
    expect([[...changed.uids], [...expunged]]).toEqual([[done!.uid], [old!.uid]]);
    expect(highestModSeq).toBe(done!.modSeq);
    expect(mail.status(id).messages).toBe(1);
    // Another was faster: the new one is stored nevertheless.
    const [again] = await mail.append('Drafts', [{ message: message('third'), flags: [] }], { replaces: { id, uid: old!.uid } });
    expect(uidsOf(mail, 'Drafts')).toEqual([again!.uid]);
    mail.release();
  });

  it('searches days by the calendar of its zone', async () => {
    vi.stubEnv('TZ', 'Europe/Helsinki');
    const mail = await store.open(account());
    const { id } = inbox(mail);
    const times = ['2007-03-24T23:00+02:00', '2007-03-25T00:00+02:00', '2007-03-25T23:00+03:00', '2007-03-26T00:00+03:00'];
    for (const time of times) await mail.append('INBOX', [{ message: message('x'), flags: [], internalDate: Date.parse(time) }]);
    const day = Date.UTC(2007, 2, 25) / 86_400_000;
    const found = async (which: 'internal' | 'sent', op: 'before' | 'on' | 'since') => [
      ...(await mail.search(id, { kind: 'date', which, op, day })),
    ];
    // They have no Date field.
    for (const which of ['internal', 'sent'] as const) {
      expect(await found(which, 'before')).toEqual([1]);
      expect(await found(which, 'on')).toEqual([2, 3]);
      expect(await found(which, 'since')).toEqual([2, 3, 4]);
    }
    // A message's own zone comes first: what was late on the 25th there is the 26th here, and what began it is still the 24th.
    const own = ['2007-03-25T23:30-04:00', '2007-03-25T00:30+11:00'];
    for (const [i, time] of own.entries())
      await mail.append('INBOX', [{ message: message('x'), flags: [], internalDate: Date.parse(time), zone: i === 0 ? -240 : 660 }]);
    for (const which of ['internal', 'sent'] as const) {
      expect(await found(which, 'before')).toEqual([1]);
      expect(await found(which, 'on')).toEqual([2, 3, 5, 6]);
      expect(await found(which, 'since')).toEqual([2, 3, 4, 5, 6]);
    }
    // Copies keep it.
    await mail.copy(id, Uint32Array.of(4, 5, 6) as never, 'Drafts');
    const rows = [...mail.fetch(mail.find('Drafts')!.id, [1, 2, 3] as never, [])].flat();
    expect(rows.map(({ zone }) => zone)).toEqual([null, -240, 660]);
    mail.release();
    vi.unstubAllEnvs();
  });

  it('sorts and searches what came since it was last asked', async () => {
    const mail = await store.open(account());
    const { id } = inbox(mail);
    const dated = (day: number) => stagedBytes(Buffer.from(`From: a@example.com\nDate: ${day} Feb 2024 10:00:00 +0000\n\ntext\n`));
    const put = async (day: number) => (await mail.append('INBOX', [{ message: dated(day), flags: [], internalDate: 0 }]))[0]!.uid;
    const days = async (withText: boolean) =>
      (await mail.sortItems(id, mail.snapshot(id).uids, withText)).map(({ keys }) => new Date(keys.sent!).getUTCDate());
    await put(3);
    const gone = await put(1);
    expect(await days(false)).toEqual([3, 1]);
    await put(2);
    expect(await days(true)).toEqual([3, 1, 2]);
    await mail.expunge(id, [gone], true);
    expect(await days(false)).toEqual([3, 2]);
    const by = async (key: SortKey) => Array.from(await mail.sort(id, mail.snapshot(id).uids, [{ key, reverse: false }]));
    expect(await by('date')).toEqual([3, 1]);
    expect(await by('arrival')).toEqual([1, 3]);
    const day = Date.UTC(2024, 1, 3) / 86_400_000;
    expect([...(await mail.search(id, { kind: 'date', which: 'sent', op: 'since', day }))]).toEqual([1]);
    expect([...(await mail.search(id, { kind: 'larger', size: 10 }))]).toEqual([1, 3]);
    const uids = (...ranges: [number, number][]) => ({ kind: 'uids', ranges }) as unknown as SearchKey;
    const among = async (...keys: SearchKey[]) => [
      ...(await mail.search(id, { kind: 'and', keys: [...keys, { kind: 'larger', size: 10 }] })),
    ];
    expect(await among(uids([1, 1], [3, 9]))).toEqual([1, 3]);
    expect(await among(uids([2, 4_000_000_000]))).toEqual([3]);
    expect(await among(uids([1, 2]), uids([2, 3]))).toEqual([]);
    expect(await among(uids([4, 9]), uids([1, 3]))).toEqual([]);
    expect(await among(uids())).toEqual([]);
    expect(await among({ kind: 'not', key: uids([1, 1]) })).toEqual([3]);
    mail.release();
  });

  it('claims what a session puts there as recent, unless something else waits for that', async () => {
    const mail = await store.open(account());
    const put = async (claimRecent: boolean): Promise<boolean> => {
      const [done] = await mail.append('INBOX', [{ message: message('one'), flags: [] }], { claimRecent });
      return done!.recent;
    };
    expect(await put(true)).toBe(true);
    const { id } = inbox(mail);
    expect(mail.status(id)).toMatchObject({ messages: 1, recent: 0 });
    expect(await put(false)).toBe(false);
    expect(await put(true)).toBe(false);
    expect(mail.status(id)).toMatchObject({ messages: 3, recent: 2 });
    expect(await mail.claimRecent(id)).toEqual([2, 4]);
    expect(await put(true)).toBe(true);
  });

  it('puts a message into new/ with what the contract says in its name', async () => {
    const mail = await store.open(account());
    const [done] = await mail.append('INBOX', [{ message: message('one'), prefix: Buffer.from('Return-Path: <>\n'), flags: [] }]);
    expect(done!.uid).toBe(1);
    const [name] = readdirSync(join(mail.account.home, 'Maildir/new'));
    expect(name).toMatch(/^\d+\.M\d+P\d+Q\d+R[0-9a-f]+\.[^,]+,S=\d+,W=\d+,N=[0-9a-z]+\.1$/);
    const text = readFileSync(join(mail.account.home, 'Maildir/new', name!), 'utf8');
    expect(text).toMatch(/^Return-Path: <>\nFrom: a@/);
    const { id } = inbox(mail);
    expect(mail.status(id)).toMatchObject({ messages: 1, unseen: 1, recent: 1, uidNext: 2, size: text.length + 6 });
    const [rows] = [...mail.fetch(id, [1], ['envelope', 'header', 'structure', 'preview'])];
    expect(rows![0]).toMatchObject({ uid: 1, flags: 0, size: text.length + 6 });
    expect(rows![0]!.header!.toString()).toBe(text.slice(0, text.indexOf('\n\n') + 2));
    expect(rows![0]!.envelope!.toString()).toContain('"one"');
    const file = await mail.openMessage(id, 1 as Uid);
    expect(file.readSync(0, 1000).toString()).toBe(text);
    file.close();
    mail.release();
  });
});

describe('flags, expunge, copy, move', () => {
  it('agree with the files soon after', async () => {
    const mail = await store.open(account());
    const { id } = inbox(mail);
    for (let i = 0; i < 5; i++) await mail.append('INBOX', [{ message: message(`m${i}`), flags: i === 4 ? ['\\Seen', '$Junk'] : [] }]);
    const before = mail.snapshot(id);
    const { rows } = await mail.store(id, [1, 2, 99], { op: 'add', flags: ['\\Seen', '\\Deleted', 'work'] });
    expect([[...rows.uids], [...rows.flags]]).toEqual([
      [1, 2],
      [1 | 8 | 64, 1 | 8 | 64],
    ]);
    expect(mail.keywords(id)).toEqual(['$Junk', 'work']);
    expect([...before.flags]).toEqual([0, 0, 0, 0, 33]);
    expect([...mail.snapshot(id).flags]).toEqual([73, 73, 0, 0, 33]);
    expect([...(await mail.changes(id, before.highestModSeq)).changed.uids]).toEqual([1, 2]);
    expect((await mail.store(id, [1], { op: 'add', flags: ['\\Flagged'] }, before.highestModSeq)).modified).toEqual(Uint32Array.of(1));
    expect(await mail.expunge(id)).toEqual(Uint32Array.of(1, 2));
    expect(await mail.changes(id, before.highestModSeq)).toMatchObject({
      changed: { uids: new Uint32Array(0) },
      expunged: Uint32Array.of(1, 2),
      complete: true,
    });
    const copied = await mail.copy(id, [3, 5], 'Sent');
    expect(copied).toMatchObject({ sources: Uint32Array.of(3, 5), targets: Uint32Array.of(1, 2), target: { name: 'Sent' } });
    const moved = await mail.move(id, [3, 4], 'Trash');
    expect(moved).toMatchObject({ sources: Uint32Array.of(3, 4), targets: Uint32Array.of(1, 2) });
    const trash = mail.find('Trash')!.id;
    const file = await mail.openMessage(trash, 2 as Uid);
    expect(file.readSync(0, 1000).toString()).toContain('Subject: m3');
    file.close();
    expect(uidsOf(mail, 'INBOX')).toEqual([5]);
    expect(mail.usage().messages).toBe(5);
    await expect.poll(() => readdirSync(join(mail.account.home, 'Maildir/.Trash/new')).length).toBe(2);
    await expect.poll(() => readdirSync(join(mail.account.home, 'Maildir/cur'))).toHaveLength(1);
    await expect.poll(() => readdirSync(join(mail.account.home, 'Maildir/new'))).toHaveLength(0);
    expect(
      readdirSync(join(mail.account.home, 'Maildir/.Sent/cur'))
        .map((name) => name.split(':')[1])
        .toSorted((a, b) => a!.localeCompare(b!)),
    ).toEqual(['2,', '2,Sa']);
    mail.release();
  });

  it('leave no file of what came back and was expunged before it had moved', async () => {
    const mail = await store.open(account());
    const { id } = inbox(mail);
    for (const subject of ['stays', 'goes']) await mail.append('INBOX', [{ message: message(subject), flags: [] }]);
    const away = mail.move(id, [1, 2], 'Archive');
    const back = mail.move(mail.find('Archive')!.id, [1, 2], 'INBOX');
    await Promise.all([away, back, mail.expunge(id, [4], true)]);
    expect(uidsOf(mail, 'INBOX')).toEqual([3]);
    const files = () =>
      ['Maildir', 'Maildir/.Archive'].flatMap((folder) =>
        ['new', 'cur'].flatMap((part) => readdirSync(join(mail.account.home, folder, part))),
      );
    await expect.poll(files).toEqual([expect.stringMatching(/\.3$/)]);
    mail.release();
  });
});

describe('mailboxes', () => {
  it('are made with parents, renamed with children, deleted', async () => {
    const mail = await store.open(account());
    await mail.create('Lists/日本語/a.b');
    await mail.append('Lists/日本語/a.b', [{ message: message('x'), flags: [] }]);
    expect(readdirSync(join(mail.account.home, 'Maildir')).filter((name) => name.startsWith('.Lists'))).toEqual([
      '.Lists',
      '.Lists.&ZeVnLIqe-',
      '.Lists.&ZeVnLIqe-.a&AC4-b',
    ]);
    await mail.rename('Lists', 'Old');
    expect(uidsOf(mail, 'Old/日本語/a.b')).toEqual([1]);
    await expect(mail.create('Old')).rejects.toMatchObject({ kind: 'mailboxExists' });
    await expect(mail.create('a//b')).rejects.toMatchObject({ kind: 'badName' });
    await mail.delete('Old/日本語');
    expect(
      mail
        .list()
        .filter(({ name }) => name.startsWith('Old'))
        .map(({ name, selectable }) => [name, selectable]),
    ).toEqual([
      ['Old', true],
      ['Old/日本語', false],
      ['Old/日本語/a.b', true],
    ]);
    await mail.append('INBOX', [{ message: message('y'), flags: [] }]);
    await mail.rename('INBOX', 'Saved');
    expect(uidsOf(mail, 'INBOX')).toEqual([]);
    expect(uidsOf(mail, 'Saved')).toEqual([1]);
    mail.release();
  });
});

describe('quota', () => {
  it('refuses what does not fit', async () => {
    const mail = await store.open(account(200));
    await mail.append('INBOX', [{ message: message('a'), flags: [] }]);
    await expect(mail.append('INBOX', [{ message: message('b', 'x'.repeat(200)), flags: [] }])).rejects.toMatchObject({
      kind: 'overQuota',
    });
    expect(mail.usage().messages).toBe(1);
    mail.release();
  });
});

describe('watch', () => {
  it('hears of mail', async () => {
    const mail = await store.open(account());
    const { id } = inbox(mail);
    let heard = 0;
    const stop = mail.watch(id, () => heard++);
    await mail.append('INBOX', [{ message: message('a'), flags: [] }]);
    expect(heard).toBe(1);
    expect((await mail.changes(id, 0 as ModSeq)).changed.uids).toHaveLength(1);
    stop();
    mail.release();
  });
});

describe('search', () => {
  it('looks at rows, headers and bodies', async () => {
    const mail = await store.open(account());
    const { id } = inbox(mail);
    await mail.append('INBOX', [
      { message: message('=?utf-8?q?Gr=C3=BC=C3=9Fe?=', 'Ein Brief\n'), flags: ['\\Seen', 'work'], internalDate: Date.UTC(2020, 1, 2) },
      { message: message('two', 'the quick brown fox\n'), flags: [] },
    ]);
    const search = async (key: Parameters<typeof mail.search>[1]) => [...(await mail.search(id, key))];
    expect(await search({ kind: 'all' })).toEqual([1, 2]);
    expect(await search({ kind: 'flag', flag: 'WORK' })).toEqual([1]);
    expect(await search({ kind: 'not', key: { kind: 'flag', flag: '\\Seen' } })).toEqual([2]);
    expect(await search({ kind: 'header', field: 'subject', text: 'GRÜSSE' })).toEqual([1]);
    expect(await search({ kind: 'body', text: 'Quick B' })).toEqual([2]);
    expect(await search({ kind: 'text', text: 'subject: two' })).toEqual([2]);
    expect(await search({ kind: 'date', which: 'internal', op: 'on', day: Date.UTC(2020, 1, 2) / 86_400_000 })).toEqual([1]);
    expect(
      await search({
        kind: 'or',
        keys: [
          { kind: 'body', text: 'brief' },
          { kind: 'uids', ranges: [[2 as Uid, 9 as Uid]] },
        ],
      }),
    ).toEqual([1, 2]);
    mail.release();
  });
});
