import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import { rebuildAccount, verifyAccount } from './verify.ts';

it('tells where Maildir and index differ, and makes the index anew under a running store', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-verify-'));
  const names = { address: 'a@example.com', home: join(dir, 'a') };
  const store = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  const mail = await store.open({ id: 1 as AccountId, ...names, quota: 0 });
  const { id } = mail.find('INBOX')!;
  const message = { message: stagedBytes(Buffer.from('Subject: x\n\ntext\n')), flags: [] };
  await mail.append('INBOX', [message, message, message]);
  await mail.store(id, [2], { op: 'add', flags: ['\\Seen'] });
  await mail.move(id, [3], 'Archive');
  // Whether or not the files have followed; halfway there may be a difference.
  await expect.poll(() => verifyAccount(names, storeDefaults)).toEqual([]);
  await expect.poll(() => readdirSync(join(names.home, 'Maildir/new'))).toHaveLength(1);
  await expect.poll(() => verifyAccount(names, storeDefaults)).toEqual([]);

  const [first] = readdirSync(join(names.home, 'Maildir/new'));
  renameSync(join(names.home, 'Maildir/new', first!), join(names.home, 'Maildir/cur', `${first}:2,F`));
  writeFileSync(join(names.home, 'Maildir/new/1.x.host'), 'x\n');
  expect(verifyAccount(names, storeDefaults).map(({ uid, problem }) => [uid, problem])).toEqual([
    [1, 'message without file'],
    [null, 'file without message'],
    [1, 'file without message'],
  ]);
  expect(rebuildAccount(names, storeDefaults, silentLog)).toBe(4);
  expect(verifyAccount(names, storeDefaults)).toEqual([]);
  await mail.append('INBOX', [message]);
  await expect.poll(() => [...mail.snapshot(id).flags]).toEqual([4, 1, 0, 0]);
  await expect.poll(() => verifyAccount(names, storeDefaults)).toEqual([]);
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});
