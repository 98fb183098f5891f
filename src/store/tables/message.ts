import type { Database } from '../../db/open.ts';
import type { MessageFacts } from '../../mail/mime/part.ts';
import type { ColumnTexts } from '../columns.ts';

export interface FlagRecord {
  readonly uid: number;
  readonly flags: number;
  readonly modseq: number;
}

export interface MessageRecord extends FlagRecord {
  readonly internalDate: number;
  /** Minutes ahead of UTC; null: this host's at that time. */
  readonly zone: number | null;
  readonly saveDate: number;
  readonly size: number;
  readonly fileSize: number;
  readonly dirty: number;
  readonly contentId: number | null;
  readonly file: string;
  readonly origin: string | null;
  /** By the Date field: milliseconds since 1970, and day as written; null where unusable, or not read yet. */
  readonly sent: number | null;
  readonly sentDay: number | null;
}

/** uid, internal date, save date, size, sent, day sent, 1 where the content was not read, zone. */
export type KeyRecord = readonly [number, number, number, number, number | null, number | null, number, number | null];

export type FileRecord = Pick<MessageRecord, 'uid' | 'flags' | 'file' | 'origin' | 'dirty'>;

const columns = `uid, flags, modseq, internal_date AS internalDate, zone, save_date AS saveDate, size, file_size AS fileSize, dirty,
  content_id AS contentId, file, origin, sent, sent_day AS sentDay`;

/** A message whose content was not read. */
export type UnreadRecord = Pick<MessageRecord, 'uid' | 'file' | 'origin' | 'fileSize'> & { readonly mailbox: number };

const unreadColumns = 'mailbox_id AS mailbox, uid, file, origin, file_size AS fileSize';

const lists = 'group_concat(uid), group_concat(flags), group_concat(modseq)';

/** Rows that one statement inserts: a third less CPU than one each. */
const together = 50;

const valuesOf = (mailbox: number, row: MessageRecord): [number, ...(string | number | null)[]] => [
  mailbox,
  row.uid,
  row.flags,
  row.modseq,
  row.internalDate,
  row.saveDate,
  row.size,
  row.fileSize,
  row.dirty,
  row.contentId,
  row.file,
  row.origin,
  row.sent,
  row.sentDay,
  row.zone,
];

/**
 * Rows of tables `message` and `more_keyword`.
 *
 * Who asks for one row asks for a range of one: what SQLite finds by a whole key it does not compare with that key again, so that in a
 * damaged page, whose order is broken, it takes another row for it. The end of a range it does compare.
 */
export function messageTable(db: Database) {
  const inserting = (rows: number) =>
    db.prepare<(string | number | null)[]>(`
    INSERT INTO message (mailbox_id, uid, flags, modseq, internal_date, save_date, size, file_size, dirty, content_id, file, origin, sent, sent_day, zone)
    VALUES ${Array.from({ length: rows }, () => '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').join()}`);
  const insert = inserting(1);
  const insertMany = inserting(together);
  const one = 'mailbox_id = ? AND uid BETWEEN ? AND ?';
  const get = db.prepare<[number, number, number], MessageRecord>(`SELECT ${columns} FROM message WHERE ${one}`);
  const flagsOf = db.prepare<[number, number, number], FlagRecord>(`SELECT uid, flags, modseq FROM message WHERE ${one}`);
  const range = db.prepare<[number, number, number], MessageRecord>(
    `SELECT ${columns} FROM message WHERE mailbox_id = ? AND uid BETWEEN ? AND ? ORDER BY uid`,
  );
  const allFlags = db
    .prepare<[number], ColumnTexts>(`SELECT ${lists} FROM message INDEXED BY message_by_modseq WHERE mailbox_id = ?`)
    .raw();
  const changed = db.prepare<[number, number], FlagRecord>(
    'SELECT uid, flags, modseq FROM message INDEXED BY message_by_modseq WHERE mailbox_id = ? AND modseq > ? ORDER BY +uid',
  );
  const changedFlags = db
    .prepare<[number, number], ColumnTexts>(`SELECT ${lists} FROM message INDEXED BY message_by_modseq WHERE mailbox_id = ? AND modseq > ?`)
    .raw();
  const nthChanged = db
    .prepare<[number, number, number], number>(
      'SELECT 1 FROM message INDEXED BY message_by_modseq WHERE mailbox_id = ? AND modseq > ? LIMIT 1 OFFSET ?',
    )
    .pluck();
  const countFrom = db.prepare<[number, number], number>('SELECT count(*) FROM message WHERE mailbox_id = ? AND uid >= ?').pluck();
  const files = db.prepare<[number], FileRecord>('SELECT uid, flags, file, origin, dirty FROM message WHERE mailbox_id = ?');
  const file = db.prepare<[number, number, number], FileRecord>(`SELECT uid, flags, file, origin, dirty FROM message WHERE ${one}`);
  const dirty = db.prepare<[number], FileRecord & { mailbox: number }>(
    'SELECT mailbox_id AS mailbox, uid, flags, file, origin, dirty FROM message INDEXED BY message_dirty WHERE dirty = 1 LIMIT ?',
  );
  const origins = db
    .prepare<[], string>('SELECT origin FROM message INDEXED BY message_dirty WHERE dirty = 1 AND origin IS NOT NULL')
    .pluck();
  const highest = db.prepare<[number], number | null>('SELECT max(uid) FROM message WHERE mailbox_id = ?').pluck();
  const setFlags = db.prepare<[number, number, number, number]>(
    'UPDATE message SET flags = ?, modseq = ?, dirty = 1 WHERE mailbox_id = ? AND uid = ?',
  );
  const adoptFlags = db.prepare<[number, number, string, number, number]>(
    'UPDATE message SET flags = ?, modseq = ?, file = ? WHERE mailbox_id = ? AND uid = ?',
  );
  const setFile = db.prepare<[string, number, number, number]>(
    'UPDATE message SET file = ?, origin = NULL, dirty = ? WHERE mailbox_id = ? AND uid = ?',
  );
  const clean = db.prepare<[number, number]>('UPDATE message SET dirty = 0 WHERE mailbox_id = ? AND uid = ?');
  const remove = db.prepare<[number, number]>('DELETE FROM message WHERE mailbox_id = ? AND uid = ?');
  const asked = `json_each(?) AS wanted CROSS JOIN message AS m WHERE m.mailbox_id = ? AND m.uid = wanted.value AND m.uid + 0 = wanted.value`;
  const some = db.prepare<[string, number], FileRecord>(`SELECT m.uid, m.flags, m.file, m.origin, m.dirty FROM ${asked}`);
  const among = db.prepare<[string, number], MessageRecord>(`SELECT ${columns} FROM ${asked}`);
  const removeSome = db.prepare<[number, string]>('DELETE FROM message WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?))');
  const removeAll = db.prepare<[number]>('DELETE FROM message WHERE mailbox_id = ?');
  const markAllDirty = db.prepare('UPDATE message SET dirty = 1');
  const unread = db.prepare<[number], UnreadRecord>(
    `SELECT ${unreadColumns} FROM message INDEXED BY message_unread WHERE content_id IS NULL LIMIT ?`,
  );
  const unreadAmong = db.prepare<[number, string], UnreadRecord>(
    `SELECT ${unreadColumns} FROM message WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?)) AND content_id IS NULL`,
  );
  const isUnread = db.prepare<[number, number, number], number>(`SELECT content_id IS NULL FROM message WHERE ${one}`).pluck();
  const firstUnread = db
    .prepare<[number], number | null>('SELECT min(uid) FROM message INDEXED BY message_unread WHERE mailbox_id = ? AND content_id IS NULL')
    .pluck();
  const setContent = db.prepare<[number, number, number, number | null, number | null, number, number]>(
    'UPDATE message SET content_id = ?, size = ?, file_size = ?, sent = ?, sent_day = ? WHERE mailbox_id = ? AND uid = ?',
  );
  const keys = db
    .prepare<[number, number, number], KeyRecord>(`
      SELECT uid, internal_date, save_date, size, sent, sent_day, content_id IS NULL, zone FROM message
       WHERE mailbox_id = ? AND uid > ? ORDER BY uid LIMIT ?`)
    .raw();
  const sortKeys = db
    .prepare<[number, number, number], string>(
      `SELECT c.sort_keys FROM message AS m CROSS JOIN content AS c ON c.id = m.content_id WHERE ${one}`,
    )
    .pluck();
  const sortKeysBetween = db
    .prepare<[number, number, number], readonly [string | null, string | null]>(
      `SELECT group_concat(m.uid), group_concat(c.sort_keys) FROM message AS m CROSS JOIN content AS c ON c.id = m.content_id
        WHERE m.mailbox_id = ? AND m.uid BETWEEN ? AND ?`,
    )
    .raw();
  const swapped = db.prepare<[], { uid: number }>(`
    SELECT m.uid FROM message AS m LEFT JOIN content AS c ON c.id = m.content_id
     WHERE m.content_id IS NOT NULL
       AND (c.id IS NULL OR json_extract(c.sort_keys, '$.sent') IS NOT m.sent OR json_extract(c.structure, '$.end') > m.file_size) LIMIT 1`);
  const more = db.prepare<[number, number], { uid: number; names: string }>(
    'SELECT uid, names FROM more_keyword WHERE mailbox_id BETWEEN ? AND ?',
  );
  const moreOf = db.prepare<[number, number, number], string>(`SELECT names FROM more_keyword WHERE ${one}`).pluck();
  const anyMore = db.prepare<[number], number>('SELECT 1 FROM more_keyword WHERE mailbox_id = ? LIMIT 1').pluck();
  const putMore = db.prepare<[number, number, string]>('INSERT OR REPLACE INTO more_keyword (mailbox_id, uid, names) VALUES (?, ?, ?)');
  const removeMore = db.prepare<[number, number]>('DELETE FROM more_keyword WHERE mailbox_id = ? AND uid = ?');
  const removeSomeMore = db.prepare<[number, string]>(
    'DELETE FROM more_keyword WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?))',
  );
  const removeAllMore = db.prepare<[number]>('DELETE FROM more_keyword WHERE mailbox_id = ?');

  return {
    insert(mailbox: number, row: MessageRecord) {
      insert.run(...valuesOf(mailbox, row));
    },
    insertSome(mailbox: number, rows: readonly MessageRecord[]) {
      let at = 0;
      for (; at + together <= rows.length; at += together) {
        insertMany.run(...rows.slice(at, at + together).flatMap((row) => valuesOf(mailbox, row)));
      }
      for (; at < rows.length; at++) insert.run(...valuesOf(mailbox, rows[at]!));
    },
    get: (mailbox: number, uid: number): MessageRecord | undefined => get.get(mailbox, uid, uid),
    flags: (mailbox: number, uid: number): FlagRecord | undefined => flagsOf.get(mailbox, uid, uid),
    range: (mailbox: number, from: number, to: number): MessageRecord[] => range.all(mailbox, from, to),
    /**
     * Uid, flags, modseq of all, in no order: walks an index that holds just these. As lists, which come over from SQLite
     * four times as fast as rows.
     */
    allFlags: (mailbox: number): ColumnTexts => allFlags.get(mailbox)!,
    /** In UID order. The `+` has SQLite walk the modseq index, not the whole mailbox. RFC 7162 3.1.4 */
    changedSince: (mailbox: number, modseq: number): FlagRecord[] => changed.all(mailbox, modseq),
    /** The same as lists, as `allFlags`. */
    changedFlags: (mailbox: number, modseq: number): ColumnTexts => changedFlags.get(mailbox, modseq)!,
    /** Whether more than so many changed. */
    hasChanged: (mailbox: number, modseq: number, more: number): boolean => nthChanged.get(mailbox, modseq, more) !== undefined,
    countFrom: (mailbox: number, uid: number): number => countFrom.get(mailbox, uid)!,
    files: (mailbox: number): FileRecord[] => files.all(mailbox),
    fileOf: (mailbox: number, uid: number): FileRecord | undefined => file.get(mailbox, uid, uid),
    dirty: (limit: number) => dirty.all(limit),
    /** Files, below the Maildir, that wait there to be moved to another mailbox. */
    origins: (): Set<string> => new Set(origins.all()),
    highestUid: (mailbox: number): number => highest.get(mailbox) ?? 0,
    setFlags: (mailbox: number, uid: number, flags: number, modseq: number) => setFlags.run(flags, modseq, mailbox, uid),
    /** What another program said by renaming the file. */
    adoptFlags: (mailbox: number, uid: number, flags: number, modseq: number, file: string) =>
      adoptFlags.run(flags, modseq, file, mailbox, uid),
    setFile: (mailbox: number, uid: number, file: string, behind: boolean) => setFile.run(file, behind ? 1 : 0, mailbox, uid),
    clean: (mailbox: number, uid: number) => clean.run(mailbox, uid),
    /** Those of many that exist, in their order. @param uids a JSON array */
    some: (mailbox: number, uids: string): FileRecord[] => some.all(uids, mailbox),
    /** The same, whole, by UID. @param uids a JSON array */
    among: (mailbox: number, uids: string): Map<number, MessageRecord> => new Map(among.all(uids, mailbox).map((row) => [row.uid, row])),
    /** @param uids a JSON array */
    removeSome(mailbox: number, uids: string) {
      removeSome.run(mailbox, uids);
      if (anyMore.get(mailbox) !== undefined) removeSomeMore.run(mailbox, uids);
    },
    remove(mailbox: number, uid: number) {
      remove.run(mailbox, uid);
    },
    removeAll(mailbox: number) {
      removeAll.run(mailbox);
      removeAllMore.run(mailbox);
    },
    markAllDirty: () => markAllDirty.run(),
    /** Messages whose content was not read yet. */
    unread: (limit: number) => unread.all(limit),
    /** Those of many. @param uids a JSON array */
    unreadAmong: (mailbox: number, uids: string) => unreadAmong.all(mailbox, uids),
    isUnread: (mailbox: number, uid: number): boolean => isUnread.get(mailbox, uid, uid) === 1,
    /** Lowest UID of those whose contents were not read yet; null where there is none. */
    firstUnread: (mailbox: number): number | null => firstUnread.get(mailbox) ?? null,
    setContent: (mailbox: number, uid: number, content: number, { virtualSize, size, sortKeys: { sent, sentDay } }: MessageFacts) =>
      setContent.run(content, virtualSize, size, sent, sentDay, mailbox, uid),
    /** What messages after a UID are sorted by, in UID order. */
    keys: (mailbox: number, after: number, limit: number): KeyRecord[] => keys.all(mailbox, after, limit),
    /** JSON of a message's text keys; none where it is gone or was not read. */
    sortKeys: (mailbox: number, uid: number): string | undefined => sortKeys.get(mailbox, uid, uid),
    /** The same of many next to each other: two lists with commas between, null where there is none. */
    sortKeysBetween: (mailbox: number, from: number, to: number) => sortKeysBetween.get(mailbox, from, to)!,
    /** A message whose content is missing or cannot be its own. */
    swapped: () => swapped.get(),
    hasMoreKeywords: (mailbox: number): boolean => anyMore.get(mailbox) !== undefined,
    moreKeywords(mailbox: number): Map<number, readonly string[]> {
      return new Map(more.all(mailbox, mailbox).map(({ uid, names }) => [uid, JSON.parse(names) as string[]]));
    },
    moreKeywordsOf(mailbox: number, uid: number): readonly string[] {
      const names = moreOf.get(mailbox, uid, uid);
      return names === undefined ? [] : (JSON.parse(names) as string[]);
    },
    setMoreKeywords(mailbox: number, uid: number, names: readonly string[]) {
      if (names.length === 0) removeMore.run(mailbox, uid);
      else putMore.run(mailbox, uid, JSON.stringify(names));
    },
  };
}
