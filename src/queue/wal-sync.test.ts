import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../db/open.ts';
import { WalSync } from './wal-sync.ts';

it('has each call wait for a sync that began after it, and calls share them', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-wal-'));
  const db = openDatabase(join(dir, 'x.sqlite'));
  db.exec('CREATE TABLE t (x)');
  const wal = new WalSync(join(dir, 'x.sqlite'));
  const first = wal.sync();
  const second = wal.sync();
  expect(second).not.toBe(first);
  expect(wal.sync()).toBe(second);
  await Promise.all([first, second]);
  await wal.sync();
  wal.close();
  db.close();
  await expect(new WalSync(join(dir, 'none.sqlite')).sync()).rejects.toThrow(/ENOENT/);
  rmSync(dir, { recursive: true, force: true });
});
