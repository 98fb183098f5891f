import SQLite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { isDamage, openDatabase } from '../../db/open.ts';
import { AccountTables } from './account-tables.ts';

const boxes = [0x5a_11_22_33_44_55, 0x5a_11_22_33_44_77];
const count = 40;

/** An index of two mailboxes, where everything says to what it belongs. */
function image(): Buffer {
  const db = openDatabase(':memory:');
  migrate(db, 'account');
  const rows = (insert: string, of: (box: number, n: number) => readonly (number | string)[], some = count): void => {
    const statement = db.prepare(insert);
    for (const box of boxes) for (let n = 1; n <= some; n++) statement.run(...of(box, n));
  };
  rows('INSERT INTO mailbox (id, name, folder, object_id, uid_validity, modseq) VALUES (?, ?, ?, ?, 1, 1)', (box, n) => {
    const id = n === 1 ? box : box + 1000 * n;
    return [id, `box ${id}`, `.box ${id}`, `id ${id}`];
  });
  rows(
    `INSERT INTO message (mailbox_id, uid, flags, modseq, internal_date, save_date, size, file_size, file) VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?)`,
    (box, n) => [box, n, n, n, `${box} ${n} ${'x'.repeat(60)}`],
  );
  rows('INSERT INTO more_keyword VALUES (?, ?, ?)', (box, n) => [box, n, `["${box} ${n}"]`]);
  rows('INSERT INTO tombstone VALUES (?, ?, ?, ?, NULL)', (box, n) => [box, n, n, `${box} ${n} `]);
  rows('INSERT INTO delivery VALUES (?, ?, ?, ?)', (box, n) => [box, `key ${n}`, n, box]);
  rows('INSERT INTO acl VALUES (?, ?, ?)', (box, n) => [box, `${box} ${n}`, 'lr'], 5);
  rows("INSERT INTO metadata VALUES (?, '', ?, x'00')", (box, n) => [box, `/${box}/${n}`], 5);
  rows('INSERT INTO keyword VALUES (?, ?, ?)', (box, n) => [box, n, `${box} ${n}`], 5);
  const octets = db.serialize();
  db.close();
  return octets;
}

/** What is answered and was not asked for. */
function wrongAnswers(tables: AccountTables): string[] {
  const wrong: string[] = [];
  const check = (what: string, isRight: () => boolean): void => {
    try {
      if (!isRight()) wrong.push(what);
    } catch (error) {
      // What SQLite notices itself.
      if (!isDamage(error)) throw error;
    }
  };
  const { messages, tombstones, mailboxes, acls, metadata } = tables;
  for (const box of boxes) {
    for (let uid = 1; uid <= count; uid++) {
      const is = (text: string | null | undefined): boolean => text === undefined || text!.startsWith(`${box} ${uid} `);
      check('get', () => is(messages.get(box, uid)?.file));
      check('fileOf', () => is(messages.fileOf(box, uid)?.file));
      check('flags', () => (messages.flags(box, uid)?.uid ?? uid) === uid);
      check('isUnread', () => !messages.isUnread(box, uid) || messages.get(box, uid) !== undefined);
      check('some', () => messages.some(box, `[${uid}]`).every(({ file }) => is(file)));
      check('moreKeywordsOf', () => messages.moreKeywordsOf(box, uid).every((name) => name === `${box} ${uid}`));
      check('tombstone', () => is(tombstones.has(box, uid)?.file));
      check('delivered', () => (tombstones.delivered(box, `key ${uid}`)?.uid ?? uid) === uid);
    }
    check('mailbox', () => (mailboxes.find(`box ${box}`)?.id ?? box) === box);
    check('folder', () => (mailboxes.findFolder(`.box ${box}`)?.id ?? box) === box);
    check('acl', () =>
      acls
        .of(box)
        .keys()
        .every((name) => name.startsWith(`${box} `)),
    );
    check('metadata', () => metadata.of(box).every(({ entry }) => entry.startsWith(`/${box}/`)));
    check('keywords', () => mailboxes.keywords(box).every((name) => name === '' || name.startsWith(`${box} `)));
    check('moreKeywords', () =>
      messages
        .moreKeywords(box)
        .values()
        .every(([name]) => name!.startsWith(`${box} `)),
    );
  }
  return wrong;
}

it('a lookup in a page whose order is broken finds what was asked for, or nothing', () => {
  const whole = image();
  // A file that is read from memory has no WAL.
  whole[18] = whole[19] = 1;
  const places: number[] = [];
  for (const box of boxes) {
    const number = Buffer.alloc(6);
    number.writeUIntBE(box, 0, 6);
    for (const wanted of [number, Buffer.from(`box ${box}`)])
      for (let at = whole.indexOf(wanted); at !== -1; at = whole.indexOf(wanted, at + 1)) places.push(at);
  }
  const wrong = new Set<string>();
  for (const [n, at] of places.entries()) {
    if (n % 7 !== 0) continue;
    const octets = Buffer.from(whole);
    octets[at + (n % 6)]! ^= 1 << (n % 7);
    const tables = new AccountTables(new SQLite(octets));
    for (const what of wrongAnswers(tables)) wrong.add(what);
    tables.close();
  }
  expect(places.length).toBeGreaterThan(300);
  expect([...wrong]).toEqual([]);
});
