import type { Database } from '../../db/open.ts';

export interface MetadataRow {
  /** Whose private entry it is; '' = shared. */
  readonly user: string;
  readonly entry: string;
  readonly value: Uint8Array;
}

/** Rows of table `metadata`; mailbox 0 is the account. Of ranges of one, see `messageTable`. */
export function metadataTable(db: Database) {
  const of = db.prepare<[number, number], MetadataRow>(
    'SELECT user, entry, value FROM metadata WHERE mailbox_id BETWEEN ? AND ? ORDER BY mailbox_id, user, entry',
  );
  const set = db.prepare<[number, string, string, Uint8Array]>(
    'INSERT INTO metadata (mailbox_id, user, entry, value) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const remove = db.prepare<[number, string, string]>('DELETE FROM metadata WHERE mailbox_id = ? AND user = ? AND entry = ?');
  const removeAll = db.prepare<[number]>('DELETE FROM metadata WHERE mailbox_id = ?');

  return {
    of: (mailbox: number): MetadataRow[] => of.all(mailbox, mailbox),
    set: (mailbox: number, { user, entry, value }: MetadataRow) => set.run(mailbox, user, entry, value),
    remove: (mailbox: number, user: string, entry: string) => remove.run(mailbox, user, entry),
    removeAll: (mailbox: number) => removeAll.run(mailbox),
  };
}
