import type { Database } from '../../db/open.ts';

export interface PendingTombstone {
  readonly mailbox: number;
  readonly uid: number;
  readonly file: string;
  readonly contentId: number | null;
}

/** Rows of tables `tombstone` and `delivery`. Of ranges of one, see `messageTable`. */
export function tombstoneTable(db: Database) {
  const insert = db.prepare<[number, number, number, string | null, number | null]>(
    'INSERT OR REPLACE INTO tombstone (mailbox_id, uid, modseq, file, content_id) VALUES (?, ?, ?, ?, ?)',
  );
  const insertSome = db.prepare<[number, string, number, string]>(`
    INSERT OR REPLACE INTO tombstone (mailbox_id, uid, modseq, file, content_id)
    SELECT mailbox_id, uid, ?, ifnull(origin, ? || file), content_id FROM message
     WHERE mailbox_id = ? AND uid IN (SELECT value FROM json_each(?))`);
  const since = db
    .prepare<[number, number], number>(
      'SELECT uid FROM tombstone INDEXED BY tombstone_by_modseq WHERE mailbox_id = ? AND modseq > ? ORDER BY +uid',
    )
    .pluck();
  const nthSince = db
    .prepare<[number, number, number], number>(
      'SELECT 1 FROM tombstone INDEXED BY tombstone_by_modseq WHERE mailbox_id = ? AND modseq > ? LIMIT 1 OFFSET ?',
    )
    .pluck();
  const has = db.prepare<[number, number, number], { file: string | null }>(
    'SELECT file FROM tombstone WHERE mailbox_id = ? AND uid BETWEEN ? AND ?',
  );
  const pending = db.prepare<[number], PendingTombstone>(
    'SELECT mailbox_id AS mailbox, uid, file, content_id AS contentId FROM tombstone INDEXED BY tombstone_pending WHERE file IS NOT NULL LIMIT ?',
  );
  const clear = db.prepare<[number, number]>('UPDATE tombstone SET file = NULL, content_id = NULL WHERE mailbox_id = ? AND uid = ?');
  const nth = db
    .prepare<[number, number], number>(
      'SELECT modseq FROM tombstone INDEXED BY tombstone_by_modseq WHERE mailbox_id = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?',
    )
    .pluck();
  const oldest = db.prepare<[number], number | null>('SELECT min(modseq) FROM tombstone WHERE mailbox_id = ?').pluck();
  const prune = db.prepare<[number, number]>('DELETE FROM tombstone WHERE mailbox_id = ? AND modseq <= ? AND file IS NULL');
  const removeAll = db.prepare<[number]>('DELETE FROM tombstone WHERE mailbox_id = ?');
  const delivered = db.prepare<[number, string, string], { uid: number; modseq: number }>(
    'SELECT uid, modseq FROM delivery WHERE mailbox_id = ? AND key BETWEEN ? AND ?',
  );
  const addDelivery = db.prepare<[number, string, number, number]>(
    'INSERT INTO delivery (mailbox_id, key, uid, modseq) VALUES (?, ?, ?, ?)',
  );
  const pruneDeliveries = db.prepare<[number]>('DELETE FROM delivery WHERE modseq < ?');
  const removeDeliveries = db.prepare<[number]>('DELETE FROM delivery WHERE mailbox_id = ?');

  return {
    /** @param file what is still to be unlinked, below the Maildir */
    insert(mailbox: number, uid: number, modseq: number, file: string | null, contentId: number | null) {
      insert.run(mailbox, uid, modseq, file, contentId);
    },
    /** Of messages that are still there, whose files are to be unlinked. @param uids a JSON array */
    insertSome(mailbox: number, uids: string, modseq: number, folder: string) {
      insertSome.run(modseq, folder === '' ? '' : `${folder}/`, mailbox, uids);
    },
    /** UIDs that went after `modseq`, ascending. */
    since: (mailbox: number, modseq: number): number[] => since.all(mailbox, modseq),
    /** Whether more than so many went after `modseq`. */
    hasMore: (mailbox: number, modseq: number, most: number): boolean => nthSince.get(mailbox, modseq, most) !== undefined,
    has: (mailbox: number, uid: number) => has.get(mailbox, uid, uid),
    pending: (limit: number): PendingTombstone[] => pending.all(limit),
    clear: (mailbox: number, uid: number) => clear.run(mailbox, uid),
    /** Drops tombstones up to `before`, and up to `recent` all but the newest `keep`. @returns highest modseq that may be missing now, 0 when none */
    prune(mailbox: number, before: number, keep: number, recent: number): number {
      const first = oldest.get(mailbox) ?? null;
      const bound = Math.max(before, Math.min(nth.get(mailbox, keep) ?? 0, recent));
      if (first === null || first > bound) return 0;
      return prune.run(mailbox, bound).changes > 0 ? bound : 0;
    },
    delivered: (mailbox: number, key: string) => delivered.get(mailbox, key, key),
    addDelivery: (mailbox: number, key: string, uid: number, modseq: number) => addDelivery.run(mailbox, key, uid, modseq),
    pruneDeliveries: (before: number) => pruneDeliveries.run(before),
    removeAll(mailbox: number) {
      removeAll.run(mailbox);
      removeDeliveries.run(mailbox);
    },
  };
}
