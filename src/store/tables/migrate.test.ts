import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { migrate, migrations, schemaVersion } from '../../db/migrate.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import { quickCheck } from '../../db/transaction.ts';
import { accountTable } from './account.ts';
import { contentTable } from './content.ts';
import { mailboxTable } from './mailbox.ts';
import { messageTable } from './message.ts';
import { searchTable } from './search.ts';

const dir = mkdtempSync(join(tmpdir(), 'postcote-migrate-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** The schema that the first release of the index had, with rows in every table: INBOX with two messages and Archive with one. */
function first(name: string): Database {
  const db = openDatabase(join(dir, name));
  migrate(db, 'account', migrations('account').slice(0, 3));
  db.exec(`
    UPDATE account SET boot_id = 'b', ready = 1, modseq = 900, list_modseq = 800, uid_validity = 77, root_stamp = '1.2.3';
    INSERT INTO mailbox (id, name, folder, object_id, uid_validity, uid_next, uid_reserved, modseq, special_use, new_stamp) VALUES
      (1, 'INBOX', '', 'Fa', 76, 3, 1000, 700, NULL, '4.5.6'), (2, 'Archive', '.Archive', 'Fb', 77, 8, 1000, 600, '\\Archive', '');
    INSERT INTO subscription VALUES ('INBOX'), ('Lists');
    INSERT INTO keyword VALUES (1, 0, 'work');
    INSERT INTO message (mailbox_id, uid, flags, modseq, internal_date, save_date, size, file_size, content_id, file) VALUES
      (1, 1, 0, 650, 1, 2, 100, 90, 11, 'new/a'), (1, 2, 9, 700, 1, 2, 200, 190, 12, 'cur/b:2,ST'), (2, 7, 1, 600, 1, 2, 50, 45, NULL, 'cur/c:2,S');
    INSERT INTO more_keyword VALUES (1, 2, '["later"]');
    INSERT INTO content VALUES (11, '{}', x'01', 'p', x'02', x'03', '{}'), (12, '{}', x'01', 'p', x'02', x'03', '{}');
    INSERT INTO header VALUES (11, x'0a'), (12, x'0b');
    DELETE FROM search_pending WHERE content_id = 11;
    INSERT INTO search_field VALUES (11, x'61', NULL, NULL, NULL, NULL);
    INSERT INTO search_text VALUES (11, x'61', x'62', 1);
    INSERT INTO search_block (entries, signatures) VALUES (1, x'00');
    INSERT INTO tombstone VALUES (1, 9, 640, 'cur/gone', NULL);
    INSERT INTO delivery VALUES (1, 'key', 1, 650);
    INSERT INTO acl VALUES (2, 'bob@b', 'lr');
    INSERT INTO metadata VALUES (0, '', '/shared/comment', x'63');`);
  return db;
}

const tables = (db: Database): string[] =>
  db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").pluck().all();
const rows = (db: Database, table: string): Record<string, unknown>[] =>
  db.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();

/** What must be there after the newest step, whatever else came into the tables. */
function expectAll(db: Database, before: ReadonlyMap<string, Record<string, unknown>[]>): void {
  expect(schemaVersion(db)).toBe(migrations('account').length);
  expect(quickCheck(db)).toEqual([]);
  for (const [table, old] of before) {
    // The account's sums are those of its mailboxes.
    const isKept = ([name]: [string, unknown]): boolean => table !== 'account' || !['messages', 'bytes'].includes(name);
    expect(rows(db, table), table).toMatchObject(old.map((row) => Object.fromEntries(Object.entries(row).filter(isKept))));
  }
  expect(accountTable(db).usage()).toEqual({ messages: 3, bytes: 350 });
  expect(accountTable(db).highestModseq()).toBe(900);
  expect(accountTable(db).get().founded).toBe(1);
  expect(mailboxTable(db).all()).toMatchObject([
    { name: 'Archive', messages: 1, bytes: 50, unseen: 0, deleted: 0, fresh: 0 },
    { name: 'INBOX', messages: 2, bytes: 300, unseen: 1, deleted: 1, deletedBytes: 200, fresh: 1 },
  ]);
  const search = searchTable(db);
  expect(undecided(db, 1)).toEqual([2]);
  expect(undecided(db, 2)).toEqual([7]);
  expect([search.untried(9), search.pending(0, 9)]).toEqual([[], [{ contentId: 12, mailbox: 1, uid: 2 }]]);
}

/** UIDs of a mailbox whose words are not in the index. */
function undecided(db: Database, mailbox: number): number[] {
  const search = searchTable(db);
  const waiting = search.uidsOfContents(mailbox, search.mark() + 1, search.highestContent());
  return [...search.inVain(mailbox), ...waiting, ...search.unread(mailbox, 0, 99)];
}

const snapshot = (db: Database) => new Map(tables(db).map((table) => [table, rows(db, table)] as const));

it('an index of the first schema goes forward without loss', () => {
  const db = first('a.sqlite');
  const before = snapshot(db);
  expect([...before].filter(([, found]) => found.length === 0)).toEqual([]);
  migrate(db, 'account');
  expectAll(db, before);
  // New rows count, and a content's number is given once.
  const contents = contentTable(db);
  const facts = { sortKeys: {}, envelope: '', preview: '', bodyStructure: '', body: '', root: {} } as never;
  expect(contents.insert(facts, null)).toBe(13);
  const row = {
    modseq: 950,
    internalDate: 1,
    saveDate: 1,
    fileSize: 1,
    dirty: 0,
    contentId: 13,
    origin: null,
    sent: null,
    sentDay: null,
    zone: 330,
  };
  const messages = messageTable(db);
  messages.insert(1, { ...row, uid: 3, flags: 0, size: 10, file: 'new/d' });
  expect(undecided(db, 1)).toEqual([2, 3]);
  expect(mailboxTable(db).get(1)).toMatchObject({ messages: 3, bytes: 310, unseen: 2, fresh: 2 });
  expect([1, 3].map((uid) => messages.get(1, uid)?.zone)).toEqual([null, 330]);
  messages.setFile(1, 3, 'cur/d:2,', false);
  messages.remove(1, 1);
  expect(mailboxTable(db).get(1)).toMatchObject({ messages: 2, bytes: 210, unseen: 1, fresh: 0 });
  searchTable(db).setMark(13);
  messages.remove(1, 3);
  contents.remove(13);
  expect(contents.insert(facts, null)).toBe(14);
  db.close();
});

it('a step cut off by a kill leaves the index as it was', () => {
  const db = first('b.sqlite');
  const before = snapshot(db);
  db.close();
  const script = `
    import { openDatabase } from ${JSON.stringify(new URL('../../db/open.ts', import.meta.url).href)};
    import { migrations } from ${JSON.stringify(new URL('../../db/migrate.ts', import.meta.url).href)};
    const db = openDatabase(process.argv[1]);
    db.pragma('cache_size = 1');
    db.exec('BEGIN IMMEDIATE');
    for (const { sql } of migrations('account').slice(3)) db.exec(sql);
    process.kill(process.pid, 'SIGKILL');`;
  const cut = spawnSync(process.execPath, ['--input-type=module', '-e', script, join(dir, 'b.sqlite')]);
  expect(cut.signal, cut.stderr.toString()).toBe('SIGKILL');
  const again = openDatabase(join(dir, 'b.sqlite'));
  expect(schemaVersion(again)).toBe(3);
  expect(snapshot(again)).toEqual(before);
  migrate(again, 'account');
  expectAll(again, before);
  again.close();
});
