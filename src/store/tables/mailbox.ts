import { hash } from 'node:crypto';
import type { Database } from '../../db/open.ts';

export interface MailboxRecord {
  readonly id: number;
  readonly name: string;
  readonly folder: string;
  readonly objectId: string;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly uidReserved: number;
  readonly modseq: number;
  readonly specialUse: string | null;
  readonly firstRecent: number;
  readonly tombstoneFloor: number;
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly bytes: number;
  readonly deletedBytes: number;
  /** Rows whose file lies in `new/`. */
  readonly fresh: number;
  readonly newStamp: string;
  readonly curStamp: string;
  readonly scanned: number;
  readonly changed: number;
}

const columns = `id, name, folder, object_id AS objectId, uid_validity AS uidValidity, uid_next AS uidNext, uid_reserved AS uidReserved, modseq,
  special_use AS specialUse, first_recent AS firstRecent, tombstone_floor AS tombstoneFloor, messages, unseen, deleted, bytes,
  deleted_bytes AS deletedBytes, fresh, new_stamp AS newStamp, cur_stamp AS curStamp, scanned, changed`;

/** 48 bits: the same mailbox has the same number in an index made anew, so that sessions never meet another one under theirs. */
const idOf = (objectId: string): number => Number.parseInt(hash('sha1', objectId).slice(0, 12), 16);

/** Rows of table `mailbox` and of `keyword`. Of ranges of one, see `messageTable`. */
export function mailboxTable(db: Database) {
  const all = db.prepare<[], MailboxRecord>(`SELECT ${columns} FROM mailbox ORDER BY name`);
  const byId = db.prepare<[number], MailboxRecord>(`SELECT ${columns} FROM mailbox WHERE id = ?`);
  const byName = db.prepare<[string, string], MailboxRecord>(`SELECT ${columns} FROM mailbox WHERE name BETWEEN ? AND ?`);
  const byFolder = db.prepare<[string, string], MailboxRecord>(`SELECT ${columns} FROM mailbox WHERE folder BETWEEN ? AND ?`);
  const modseq = db.prepare<[number], number>('SELECT modseq FROM mailbox WHERE id = ?').pluck();
  const insert = db.prepare<[number, string, string, string, number, number, number, number, string | null, number]>(`
    INSERT INTO mailbox (id, name, folder, object_id, uid_validity, uid_next, uid_reserved, modseq, special_use, tombstone_floor)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const advance = db.prepare<[number, number, number]>('UPDATE mailbox SET uid_next = ?, modseq = ? WHERE id = ?');
  const setModseq = db.prepare<[number, number]>('UPDATE mailbox SET modseq = ? WHERE id = ?');
  const setReserved = db.prepare<[number, number]>('UPDATE mailbox SET uid_reserved = ? WHERE id = ?');
  const setStamps = db.prepare<[string, string, number, number]>(
    'UPDATE mailbox SET new_stamp = ?, cur_stamp = ?, changed = ? WHERE id = ?',
  );
  const setNewStamp = db.prepare<[string, number, number]>('UPDATE mailbox SET new_stamp = ?, changed = ? WHERE id = ?');
  const setScanned = db.prepare<[string, string, number, number]>(
    'UPDATE mailbox SET new_stamp = ?, cur_stamp = ?, scanned = ? WHERE id = ?',
  );
  const setRecent = db.prepare<[number, number]>('UPDATE mailbox SET first_recent = ? WHERE id = ?');
  const setUse = db.prepare<[string | null, number]>('UPDATE mailbox SET special_use = ? WHERE id = ?');
  const setFloor = db.prepare<[number, number]>('UPDATE mailbox SET tombstone_floor = max(tombstone_floor, ?) WHERE id = ?');
  const rename = db.prepare<[string, string, number]>('UPDATE mailbox SET name = ?, folder = ? WHERE id = ?');
  const remove = db.prepare<[number]>('DELETE FROM mailbox WHERE id = ?');
  // QUIRK: with a value to be bound beside ORDER BY, SQLite prepares the statement anew at each use (3.5x with ENABLE_STAT4, 2026-11).
  const keywords = db.prepare<[number, number], { letter: number; name: string }>(
    'SELECT letter, name FROM keyword WHERE mailbox_id BETWEEN ? AND ?',
  );
  const addKeyword = db.prepare<[number, number, string]>('INSERT OR IGNORE INTO keyword (mailbox_id, letter, name) VALUES (?, ?, ?)');
  const removeKeywords = db.prepare<[number]>('DELETE FROM keyword WHERE mailbox_id = ?');

  return {
    all: (): MailboxRecord[] => all.all(),
    get: (id: number): MailboxRecord | undefined => byId.get(id),
    find: (name: string): MailboxRecord | undefined => byName.get(name, name),
    findFolder: (folder: string): MailboxRecord | undefined => byFolder.get(folder, folder),
    modseq: (id: number): number | undefined => modseq.get(id),
    insert(
      row: Pick<MailboxRecord, 'name' | 'folder' | 'objectId' | 'uidValidity' | 'uidNext' | 'uidReserved' | 'modseq' | 'specialUse'>,
    ): number {
      const { name, folder, objectId, uidValidity, uidNext, uidReserved, modseq: at, specialUse } = row;
      const id = idOf(objectId);
      insert.run(id, name, folder, objectId, uidValidity, uidNext, uidReserved, at, specialUse, at);
      return id;
    },
    advance: (id: number, uidNext: number, at: number) => advance.run(uidNext, at, id),
    setModseq: (id: number, at: number) => setModseq.run(at, id),
    setReserved: (id: number, reserved: number) => setReserved.run(reserved, id),
    setStamps: (id: number, fresh: string, cur: string, now: number) => setStamps.run(fresh, cur, now, id),
    setNewStamp: (id: number, fresh: string, now: number) => setNewStamp.run(fresh, now, id),
    setScanned: (id: number, fresh: string, cur: string, at: number) => setScanned.run(fresh, cur, at, id),
    setRecent: (id: number, uid: number) => setRecent.run(uid, id),
    setSpecialUse: (id: number, use: string | null) => setUse.run(use, id),
    setFloor: (id: number, at: number) => setFloor.run(at, id),
    rename: (id: number, name: string, folder: string) => rename.run(name, folder, id),
    remove(id: number) {
      removeKeywords.run(id);
      remove.run(id);
    },
    /** Names by letter; '' where a letter has none. */
    keywords(id: number): string[] {
      const names: string[] = [];
      for (const { letter, name } of keywords.all(id, id).sort((a, b) => a.letter - b.letter)) {
        while (names.length < letter) names.push('');
        names.push(name);
      }
      return names;
    },
    addKeyword: (id: number, letter: number, name: string) => addKeyword.run(id, letter, name),
  };
}
