import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import type { AccountId } from '../mail/numbers.ts';
import { parseRights, rightsOf } from '../mail/rights.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-annotations-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (text: string) => Buffer.from(text);

describe('annotations', () => {
  it('outlive a lost index', async () => {
    const account = { id: 1 as AccountId, address: 'ann@example.com', home: join(dir, 'ann'), quota: 0 };
    let store = openStore({ ...storeDefaults }, { log: silentLog });
    let mail = await store.open(account);
    await mail.create('Lists');
    const lists = mail.find('Lists')!.id;
    await mail.setAcl(lists, 'bob@example.com', 'replace', 'lr');
    await mail.setAcl(lists, 'bob@example.com', 'add', 'w');
    await mail.setAcl(lists, '-cy@example.com', 'replace', 'r');
    await mail.setMetadata(lists, [{ user: '', entry: '/shared/comment', value: bytes('ä\n') }]);
    await mail.setMetadata(null, [{ user: account.address, entry: '/private/comment', value: bytes('mine') }]);
    await expect(
      mail.setMetadata(lists, [
        { user: '', entry: '/shared/other', value: bytes('x') },
        { user: '', entry: '/shared/big', value: new Uint8Array(5 << 20) },
      ]),
    ).rejects.toMatchObject({ kind: 'tooMany' });
    await mail.create('Lists/dev');
    expect(readFileSync(join(account.home, 'Maildir/.Lists/dovecot-acl'), 'utf8')).toBe(
      '-user=cy@example.com r\nuser=bob@example.com lrw\n',
    );
    await store.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(account.home, `postcote.sqlite${suffix}`), { force: true });
    store = openStore({ ...storeDefaults }, { log: silentLog });
    mail = await store.open(account);
    expect(mail.find('Lists')!.id).toBe(lists);
    expect([...mail.acl(lists)]).toEqual([
      ['-cy@example.com', 'r'],
      ['bob@example.com', 'lrw'],
    ]);
    expect([...mail.acl(mail.find('Lists/dev')!.id).keys()]).toContain('bob@example.com');
    expect(mail.metadata(lists).map(({ user, entry, value }) => [user, entry, Buffer.from(value).toString()])).toEqual([
      ['', '/shared/comment', 'ä\n'],
    ]);
    expect(mail.metadata(null)).toHaveLength(1);
    await mail.setAcl(lists, 'bob@example.com', 'forget', '');
    expect(mail.aclIdentifiers()).toEqual(['-cy@example.com', 'bob@example.com']);
    await mail.delete('Lists/dev');
    expect(mail.aclIdentifiers()).toEqual(['-cy@example.com']);
    await store.close();
  });

  it('reads a file by Dovecot', async () => {
    const account = { id: 1 as AccountId, address: 'ann@example.com', home: join(dir, 'ann'), quota: 0 };
    const first = openStore({ ...storeDefaults }, { log: silentLog });
    (await first.open(account)).release();
    await first.close();
    rmSync(join(account.home, 'postcote.sqlite'));
    writeFileSync(
      join(account.home, 'Maildir/dovecot-acl'),
      'group=staff lrwstipekxa\nanyone lr\n-user=Bob@example.com r :x\nuser=cy@x lZr\n',
    );
    const store = openStore({ ...storeDefaults }, { log: silentLog });
    const mail = await store.open(account);
    expect([...mail.acl(mail.find('INBOX')!.id)]).toEqual([
      ['-bob@example.com', 'r'],
      ['anyone', 'lr'],
      ['cy@x', 'lr'],
    ]);
    await store.close();
  });
});

describe('rights', () => {
  it('add up, less what is taken away', () => {
    const acl = new Map([
      ['anyone', 'lrs'],
      ['bob@a', 'w'],
      ['-bob@a', 's'],
    ]);
    expect(rightsOf(acl, 'ann@a', 'bob@a')).toBe('lrw');
    expect(rightsOf(acl, 'ann@a', 'cy@a')).toBe('lrs');
    expect(rightsOf(acl, 'ann@a', 'cy@b')).toBe('');
    expect(rightsOf(acl, 'ann@a', 'ann@a')).toBe('lrswipkxtea');
    expect(parseRights('dcl')).toBe('lkxte');
    expect(() => parseRights('lz')).toThrow();
  });
});
