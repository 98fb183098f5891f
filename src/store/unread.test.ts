import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId, MailboxId } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import { openStore } from './open-store.ts';
import { journalDefaults, storeDefaults } from './settings.ts';
import type { AccountStore, MailStore } from './store.ts';
import * as content from './writer/content.ts';

/** More than are read while a folder is looked at. */
const count = 250;
let store: MailStore;
let home: string;

/** An account whose messages another program has put there: none is read. */
async function unreadAccount(messages = count): Promise<{ account: AccountStore; id: MailboxId }> {
  home = mkdtempSync(join(tmpdir(), 'postcote-unread-'));
  mkdirSync(join(home, 'Maildir/cur'), { recursive: true });
  for (let n = 0; n < messages; n++) {
    const text = `From: p${n}@example.com\nSubject: number ${n}${n % 50 === 3 ? ' copper' : ''}\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\nbody ${n}${n % 100 === 7 ? ' needle' : ''}\n`;
    writeFileSync(
      join(home, 'Maildir/cur', `${1_600_000_000 + n}.M${n}.host,S=${text.length},W=${text.length + 5}:2,${n % 2 === 0 ? 'S' : ''}`),
      text,
    );
  }
  store = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  const account = await store.open({ id: 1 as AccountId, address: 'a@example.com', home, quota: 0 });
  return { account, id: account.find('INBOX')!.id };
}

afterEach(async () => {
  vi.restoreAllMocks();
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

describe('messages whose contents were not read yet', () => {
  it.each([
    [{ kind: 'header', field: 'subject', text: 'COPPER' }, [4, 54, 104, 154, 204]],
    [{ kind: 'body', text: 'needle' }, [8, 108, 208]],
    [{ kind: 'text', text: 'copper' }, [4, 54, 104, 154, 204]],
    [{ kind: 'not', key: { kind: 'text', text: 'number' } }, []],
    [
      {
        kind: 'and',
        keys: [
          { kind: 'body', text: 'needle' },
          { kind: 'uids', ranges: [[100, 200]] },
        ],
      },
      [108],
    ],
    [{ kind: 'date', which: 'sent', op: 'on', day: 20779 }, Array.from({ length: count }, (_, i) => i + 1)],
  ] as unknown as [SearchKey, number[]][])('are searched beside the loop: %j', async (key, uids) => {
    const { account, id } = await unreadAccount();
    const onTheLoop = vi.spyOn(content, 'factsOfFile');
    expect(Array.from(await account.search(id, key))).toEqual(uids);
    expect(onTheLoop).not.toHaveBeenCalled();
  });

  it('are searched to the end of a header that is longer than the first look', async () => {
    const { account, id } = await unreadAccount();
    const long = Array.from({ length: 400 }, (_, n) => `X-Long-${n}: ${'x'.repeat(50)}\n`).join('');
    const text = `${long}X-Last: here\n\nbody\n`;
    writeFileSync(join(home, 'Maildir/cur', `1800000000.M1.host,S=${text.length},W=${text.length}:2,`), text);
    for (let n = 1; n < 150; n++) writeFileSync(join(home, 'Maildir/cur', `${1_800_000_000 + n}.M1.host,S=2,W=3:2,`), 'x\n');
    await account.refresh(id);
    const key = { kind: 'header', field: 'x-last', text: 'HERE' } as SearchKey;
    expect(await account.search(id, key)).toHaveLength(1);
  });

  it('are read beside the loop before they are shown or sorted', async () => {
    const { account, id } = await unreadAccount();
    const uids = account.snapshot(id).uids;
    const sent = async () => (await account.sortItems(id, uids.slice(-20), false)).map(({ keys }) => keys.sent);
    const some = uids.slice(0, 200);
    const onTheLoop = vi.spyOn(content, 'factsOfFile');
    // Who does not wait reads for itself.
    expect([...account.fetch(id, some.slice(0, 1), ['envelope'])].flat()[0]!.envelope).toBeDefined();
    expect(onTheLoop).toHaveBeenCalledOnce();
    await account.read(id, some);
    const shown = [...account.fetch(id, some, ['envelope'])].flat();
    expect(shown.map(({ envelope }) => String(envelope).includes('"number '))).toEqual(Array.from(some, () => true));
    expect(onTheLoop).toHaveBeenCalledOnce();
    const asked = await sent();
    expect((await account.sortItems(id, uids, true)).map(({ keys }) => keys.subject)).toContain('NUMBER 249');
    expect(account.read(id, uids)).toBeUndefined();
    expect(await sent()).toEqual(asked);
  });
});

it('are not read for an order that needs nothing of them', async () => {
  const { account, id } = await unreadAccount();
  const { uids } = account.snapshot(id);
  const read = vi.spyOn(account, 'read');
  expect(await account.sort(id, uids, [{ key: 'arrival', reverse: false }])).toHaveLength(count);
  expect(read).not.toHaveBeenCalled();
});

describe('many files of another program', () => {
  it('become messages while others of the account are served, also in that mailbox', async () => {
    const { account, id } = await unreadAccount(10);
    const trash = await account.create('b');
    for (let n = 0; n < 1500; n++) writeFileSync(join(home, 'Maildir/cur', `${1_700_000_000 + n}.M${n}.host,S=2,W=3:2,`), 'x\n');
    const order: string[] = [];
    const note = (what: string) => () => void order.push(what);
    const looked = account.refresh(id).then(note('looked'));
    const small = { message: stagedBytes(Buffer.from('Subject: x\n\nx\n')), flags: [] };
    await Promise.all([
      looked,
      account.append(trash.name, [small]).then(note('appended')),
      account.store(id, [1, 2], { op: 'add', flags: ['\\Flagged'] }).then(note('stored')),
    ]);
    expect(order).toEqual(['appended', 'stored', 'looked']);
    expect(account.status(id).messages).toBe(1510);
    expect(account.snapshot(id).uids).toHaveLength(1510);
  });
});

describe('many changes at once', () => {
  it('are told as few are, and the view that knew the rest knows them', async () => {
    const many = 2500;
    const { account, id } = await unreadAccount(many);
    await account.refresh(id);
    const before = account.snapshot(id);
    const { rows, known } = await account.store(id, before.uids, { op: 'add', flags: ['\\Flagged'] });
    expect(known).toEqual({ before: before.highestModSeq, after: rows.modSeqs[0] });
    const told = account.changes(id, before.highestModSeq);
    expect(told).toBeInstanceOf(Promise);
    expect(await told).toEqual({
      uidNext: many + 1,
      highestModSeq: known!.after,
      changed: rows,
      expunged: new Uint32Array(0),
      complete: true,
    });
    const after = account.snapshot(id);
    expect(after.highestModSeq).toBe(known!.after);
    expect(Array.from(after.flags)).toEqual(Array.from(rows.flags));
    expect(Array.from(before.flags)).not.toEqual(Array.from(after.flags));
    await account.expunge(id, [7], true);
    await account.store(id, [8], { op: 'remove', flags: ['\\Flagged'] });
    const last = account.snapshot(id);
    expect([last.uids.length, last.flags[6]! & 4, last.flags[7]! & 4]).toEqual([many - 1, 0, 4]);
  });
});

describe('a message by itself', () => {
  const text = 'From: ann@example.com\nSubject: copper kettle\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\nneedle\r\nand hay\n';
  const owner = () => ({ id: 1 as AccountId, address: 'a@example.com', home: join(home, 'mail'), quota: 0 });
  const message = (octets = text) => [{ message: stagedBytes(Buffer.from(octets)), flags: [] }];

  /** The last of the messages was answered before its contents were read. */
  async function lately(): Promise<{ account: AccountStore; id: MailboxId; uid: number; sizes: readonly number[] }> {
    home = mkdtempSync(join(tmpdir(), 'postcote-unread-'));
    const journal = { ...journalDefaults, segmentSize: 1 << 20, dir: join(home, 'journal') };
    store = openStore({ ...storeDefaults, minFree: 0, journal }, { log: silentLog });
    const account = await store.open(owner());
    const { id } = account.find('INBOX')!;
    // From when the journal takes messages.
    await expect
      .poll(
        async () => {
          const [one] = await account.append('INBOX', message());
          return account.read(id, Uint32Array.of(one!.uid)) !== undefined;
        },
        { timeout: 5000 },
      )
      .toBe(true);
    const [last] = await account.append('INBOX', message());
    const { uid } = last!;
    return { account, id, uid, sizes: [...account.fetch(id, [uid], [])].flat().map(({ size }) => size) };
  }

  it('is whole for whoever asks at once', async () => {
    const { account, id, uid, sizes } = await lately();
    expect(sizes).toEqual([text.length + 5]);
    const found = async (key: unknown) => Array.from(await account.search(id, key as SearchKey)).at(-1);
    expect(await found({ kind: 'header', field: 'subject', text: 'KETTLE' })).toBe(uid);
    expect(await found({ kind: 'body', text: 'needle' })).toBe(uid);
    expect(await found({ kind: 'date', which: 'sent', op: 'on', day: 20779 })).toBe(uid);
    const all = account.snapshot(id).uids;
    expect([...(await account.sort(id, all, [{ key: 'date', reverse: true }]))]).toHaveLength(all.length);
    await account.read(id, all);
    const rows = [...account.fetch(id, all, ['envelope'])].flat();
    expect(rows.every(({ envelope, size }) => String(envelope).includes('copper kettle') && size === text.length + 5)).toBe(true);
  });

  it('is read soon, and asks nobody who wants others to wait for it', async () => {
    const { account, id, uid } = await lately();
    const earlier = account.snapshot(id).uids.filter((one) => one < uid);
    await account.read(id, earlier);
    await account.append('INBOX', message());
    expect(account.read(id, earlier)).toBeUndefined();
    await expect.poll(() => account.read(id, account.snapshot(id).uids) === undefined, { timeout: 5000 }).toBe(true);
  });

  it('is read with its answer where it is one of many, or long', async () => {
    const { account, id } = await lately();
    await expect.poll(() => account.read(id, account.snapshot(id).uids) === undefined, { timeout: 5000 }).toBe(true);
    await Promise.all(Array.from({ length: 8 }, () => account.append('INBOX', message())));
    const last = await account.append('INBOX', message(`${text}${'x\n'.repeat(40_000)}`));
    expect(account.read(id, Uint32Array.of(last[0]!.uid))).toBeUndefined();
  });
});
