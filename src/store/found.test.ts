import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { AccountStore, MailStore } from './store.ts';
import { verifyAccount } from './verify.ts';

const six = ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'];
let home: string;
let store: MailStore;
const account = () => ({ id: 1 as AccountId, address: 'a@example.com', home, quota: 0 });
const text = () => [{ message: stagedBytes(Buffer.from('Subject: x\n\ny\n')), flags: [] }];
const inboxFile = (): string => readFileSync(join(home, 'Maildir/postcote-mailbox'), 'utf8');
const start = (): void => {
  store = openStore({ ...storeDefaults, minFree: 0 }, { log: silentLog });
};
/** All mailboxes as a reader finds them, and that all is well with them. */
async function read(check: (mail: AccountStore) => void | Promise<void> = () => {}): Promise<readonly string[]> {
  const mail = await store.open(account());
  try {
    await check(mail);
    expect([...mail.subscriptions()].sort()).toEqual(mail.list().map(({ name }) => name));
    expect(
      mail
        .list()
        .flatMap(({ specialUse }) => specialUse ?? [])
        .sort(),
    ).toEqual(['\\Archive', '\\Drafts', '\\Junk', '\\Sent', '\\Trash']);
    expect(inboxFile()).not.toContain('unfounded');
    return mail.list().map(({ name }) => name);
  } finally {
    mail.release();
    await store.close();
    expect(verifyAccount({ address: 'a@example.com', home }, storeDefaults)).toEqual([]);
  }
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'postcote-found-'));
  start();
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

describe('an account that only received', () => {
  it('has INBOX alone, and all others at its first reader', async () => {
    await store.deliver(account(), 'INBOX', text());
    expect([existsSync(join(home, 'Maildir/.Sent')), inboxFile().includes('unfounded')]).toEqual([false, true]);
    expect(await read((mail) => expect(mail.status(mail.find('INBOX')!.id)).toMatchObject({ messages: 1, uidNext: 2 }))).toEqual(six);
  });

  it('has at once what another program put into a lone new/', async () => {
    mkdirSync(join(home, 'Maildir/new'), { recursive: true });
    writeFileSync(join(home, 'Maildir/new/1.M1P1.elsewhere'), 'Subject: x\n\ny\n');
    expect(await read((mail) => expect(mail.status(mail.find('INBOX')!.id)).toMatchObject({ messages: 1, uidNext: 2 }))).toEqual(six);
  });

  it('keeps the mark through a lost index', async () => {
    await store.deliver(account(), 'INBOX', text());
    await store.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(home, `postcote.sqlite${suffix}`), { force: true });
    start();
    await store.deliver(account(), 'INBOX', text());
    expect([existsSync(join(home, 'Maildir/.Sent')), inboxFile().includes('unfounded')]).toEqual([false, true]);
    expect(await read((mail) => expect(mail.status(mail.find('INBOX')!.id).messages).toBe(2))).toEqual(six);
  });

  it('takes what came before as its own', async () => {
    await store.deliver(account(), 'Junk', text());
    await store.deliver(account(), 'Lists/dev', text());
    const found = await read(async (mail) => {
      expect(mail.find('Junk')).toMatchObject({ specialUse: '\\Junk' });
      expect(mail.status(mail.find('Junk')!.id).messages).toBe(1);
      for (const name of ['Lists', 'Lists/dev']) await mail.subscribe(name, true);
    });
    expect(found).toEqual([...six.slice(0, 4), 'Lists', 'Lists/dev', ...six.slice(4)]);
  });
});

it('a founding that a crash cut off is finished', async () => {
  await store.deliver(account(), 'INBOX', text());
  await store.close();
  // Folders of a transaction that did not commit, one whole and one without its file.
  for (const folder of ['.Drafts', '.Sent'])
    for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(home, 'Maildir', folder, part), { recursive: true });
  writeFileSync(join(home, 'Maildir/.Drafts/postcote-mailbox'), 'uidvalidity 7\nreserved 0\nmailboxid Fdrafts\nspecialuse \\Drafts\n');
  start();
  expect(await read((mail) => expect(mail.find('Drafts')).toMatchObject({ mailboxId: 'Fdrafts', uidValidity: 7 }))).toEqual(six);
});

it('two processes may found an account at once', async () => {
  const other = openStore({ ...storeDefaults, minFree: 0 }, { log: silentLog });
  await Promise.all([store.deliver(account(), 'INBOX', text()), other.deliver(account(), 'INBOX', text())]);
  const [a, b] = await Promise.all([store.open(account()), other.open(account())]);
  expect(a.list()).toEqual(b.list());
  expect(a.status(a.find('INBOX')!.id)).toMatchObject({ messages: 2, uidNext: 3 });
  for (const mail of [a, b]) mail.release();
  await other.close();
  expect(await read()).toEqual(six);
});
