import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';

it('keeps mailboxes whose folders lost a part when the power went', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-power-'));
  const open = async () => {
    const store = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
    return { store, mail: await store.open({ id: 1 as AccountId, address: 'a@example.com', home: dir, quota: 0 }) };
  };
  const before = await open();
  await before.mail.append('Junk', [{ message: stagedBytes(Buffer.from('Subject: x\n\ny\n')), flags: [] }]);
  const { uidValidity } = before.mail.status(before.mail.find('Junk')!.id);
  await before.store.close();
  const index = new SQLite(join(dir, 'postcote.sqlite'));
  index.exec("UPDATE account SET boot_id = 'before'");
  index.close();
  for (const part of ['.Junk/tmp', '.Junk/cur', '.Sent/cur', '.Trash/tmp']) rmSync(join(dir, 'Maildir', part), { recursive: true });
  const after = await open();
  expect(after.mail.status(after.mail.find('Junk')!.id)).toMatchObject({ messages: 1, uidValidity });
  await after.mail.append('Trash', [{ message: stagedBytes(Buffer.from('Subject: x\n\ny\n')), flags: [] }]);
  expect(after.mail.find('Sent')).toBeDefined();
  await after.store.close();
  rmSync(dir, { recursive: true, force: true });
});
