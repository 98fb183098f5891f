import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate, migrations, schemaVersion } from './migrate.ts';
import { openDatabase } from './open.ts';
import { copyTemplate } from './template.ts';
import { quickCheck } from './transaction.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-template-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

it('makes what the migrations would have made', () => {
  const [copied, made] = ['copied', 'made'].map((name) => join(dir, `${name}.sqlite`)) as [string, string];
  copyTemplate(copied, 'account');
  expect([statSync(copied).mode & 0o777, readdirSync(dir)]).toEqual([0o600, ['copied.sqlite']]);
  const [a, b] = [copied, made].map((file) => openDatabase(file)) as [ReturnType<typeof openDatabase>, ReturnType<typeof openDatabase>];
  expect(migrate(b, 'account')).toBe(migrations('account').length);
  expect(migrate(a, 'account')).toBe(0);
  expect(schemaVersion(a)).toBe(schemaVersion(b));
  const schema = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name';
  expect(a.prepare(schema).all()).toEqual(b.prepare(schema).all());
  expect(a.prepare('SELECT * FROM account').all()).toEqual(b.prepare('SELECT * FROM account').all());
  expect([a.pragma('journal_mode', { simple: true }), quickCheck(a)]).toEqual(['wal', []]);
  for (const db of [a, b]) db.close();
});

it.each(['', '-wal', '-shm'])('leaves alone what is there: a file with %j', (suffix) => {
  const file = join(dir, 'a.sqlite');
  writeFileSync(file + suffix, 'old');
  copyTemplate(file, 'account');
  expect(existsSync(file)).toBe(suffix === '');
  expect(statSync(file + suffix).size).toBe(3);
});
