import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../mail/fault.ts';
import { type Migration, migrate, migrations, schemaVersion } from './migrate.ts';
import { type Database, openDatabase } from './open.ts';
import { dataVersion, quickCheck, transaction } from './transaction.ts';

let dir: string;
const open: Database[] = [];
function at(name: string, options = {}): Database {
  const db = openDatabase(join(dir, name), options);
  open.push(db);
  return db;
}
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-db-'));
});
afterEach(() => {
  for (const db of open.splice(0)) db.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('openDatabase', () => {
  it.each([
    ['NORMAL', 1],
    ['FULL', 2],
    ['EXTRA', 3],
  ] as const)('keeps synchronous = %s after the first write, new and reopened', (level, number) => {
    for (let i = 0; i < 2; i++) {
      const db = at('a.sqlite', { synchronous: level });
      db.exec('CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)');
      expect(db.pragma('synchronous', { simple: true })).toBe(number);
      expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
      db.close();
    }
  });

  it('makes files that only the owner reads, and the folder for them', () => {
    const db = at('deep/er/a.sqlite');
    db.exec('CREATE TABLE t (x)');
    for (const suffix of ['', '-wal', '-shm']) expect(statSync(join(dir, `deep/er/a.sqlite${suffix}`)).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'deep')).mode & 0o777).toBe(0o700);
  });

  it('sets what was asked', () => {
    const db = at('a.sqlite', { mmapSize: 1 << 20, cacheSize: 1 << 20, busyTimeout: 123, walAutocheckpoint: 7 });
    const read = (name: string) => db.pragma(name, { simple: true });
    expect([read('mmap_size'), read('cache_size'), read('busy_timeout'), read('foreign_keys'), read('wal_autocheckpoint')]).toEqual([
      1 << 20,
      -1024,
      123,
      1,
      7,
    ]);
  });

  it('reads only', () => {
    expect(() => at('none.sqlite', { readOnly: true })).toThrow(Fault);
    at('a.sqlite').exec('CREATE TABLE t (x)');
    const db = at('a.sqlite', { readOnly: true });
    expect(() => db.exec('INSERT INTO t VALUES (1)')).toThrow(/readonly/);
  });

  it('says that a file is no database', () => {
    writeFileSync(join(dir, 'junk.sqlite'), 'x'.repeat(5000));
    expect(() => at('junk.sqlite')).toThrow(expect.objectContaining({ kind: 'unavailable' }));
  });
});

describe('transaction', () => {
  it('commits, rolls back, joins an outer one', () => {
    const db = at('a.sqlite');
    db.exec('CREATE TABLE t (x)');
    const insert = db.prepare('INSERT INTO t VALUES (1)');
    const count = db.prepare('SELECT count(*) FROM t').pluck();
    expect(transaction(db, () => insert.run().changes)).toBe(1);
    expect(() =>
      transaction(db, () => {
        transaction(db, () => insert.run());
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(count.get()).toBe(1);
    expect(() => transaction(db, async () => insert.run())).toThrow('await');
    expect(count.get()).toBe(1);
  });

  it('tells commits of others', () => {
    const a = at('a.sqlite');
    const b = at('a.sqlite');
    const before = dataVersion(a);
    b.exec('CREATE TABLE t (x)');
    const after = dataVersion(a);
    expect(after).not.toBe(before);
    a.exec('INSERT INTO t VALUES (1)');
    expect(dataVersion(a)).toBe(after);
    expect(quickCheck(a)).toEqual([]);
  });
});

describe('migrate', () => {
  const steps: Migration[] = [
    { version: 1, name: '0001_a.sql', sql: 'CREATE TABLE a (x)' },
    { version: 2, name: '0002_b.sql', sql: 'CREATE TABLE b (x); INSERT INTO b VALUES (1)' },
  ];

  it('goes forward, once', () => {
    const db = at('a.sqlite');
    expect(migrate(db, 'test', steps.slice(0, 1))).toBe(1);
    expect(migrate(db, 'test', steps)).toBe(1);
    expect(migrate(db, 'test', steps)).toBe(0);
    expect(schemaVersion(db)).toBe(2);
  });

  it('leaves nothing of a step that fails', () => {
    const db = at('a.sqlite');
    const bad = { version: 2, name: '0002_b.sql', sql: 'CREATE TABLE b (x); INSERT INTO none VALUES (1)' };
    expect(() => migrate(db, 'test', [steps[0]!, bad])).toThrow(/none/);
    expect(schemaVersion(db)).toBe(1);
    expect(migrate(db, 'test', steps)).toBe(1);
  });

  it('refuses a newer schema', () => {
    const db = at('a.sqlite');
    migrate(db, 'test', steps);
    expect(() => migrate(db, 'test', steps.slice(0, 1))).toThrow(/a\.sqlite has schema 2, this version of postcote knows 1/);
  });

  it.each(['directory', 'account', 'queue'])('finds the files of %s', (set) => {
    let found: readonly Migration[];
    try {
      found = migrations(set);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const db = at(`${set}.sqlite`);
    expect(migrate(db, set)).toBe(found.length);
  });

  it('is safe when several processes start at once', async () => {
    const script = `
      import { openDatabase } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)};
      import { migrate } from ${JSON.stringify(new URL('./migrate.ts', import.meta.url).href)};
      const steps = [1, 2, 3, 4].map((version) => ({ version, name: '', sql: 'CREATE TABLE t' + version + ' (x); INSERT INTO t' + version + ' VALUES (1)' }));
      console.log(migrate(openDatabase(${JSON.stringify(join(dir, 'new.sqlite'))}), 'test', steps));`;
    const run = promisify(execFile);
    const runs = Array.from({ length: 6 }, () => run(process.execPath, ['--input-type=module', '-e', script]));
    const taken = (await Promise.all(runs)).map(({ stdout }) => Number(stdout));
    expect(taken.reduce((a, b) => a + b)).toBe(4);
  });
});
