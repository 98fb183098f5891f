import type { Database } from '../../db/open.ts';

/** Rows of table `copy`. */
export function copyTable(db: Database) {
  const insert = db.prepare<[string, number, Uint8Array]>('INSERT INTO copy (message_id, added, text) VALUES (?, ?, ?)');
  const remove = db.prepare<[string], number>('DELETE FROM copy WHERE message_id = ? RETURNING added').pluck();
  const text = db.prepare<[string], Buffer>('SELECT text FROM copy WHERE message_id = ?').pluck();
  const oldest = db.prepare<[number], { message_id: string; added: number }>('SELECT message_id, added FROM copy ORDER BY id LIMIT ?');
  return {
    insert: (message: string, added: number, octets: Uint8Array): void => void insert.run(message, added, octets),
    /** @returns when it was added, null when there was none */
    remove: (message: string): number | null => remove.get(message) ?? null,
    text: (message: string): Buffer | null => text.get(message) ?? null,
    oldest: (limit: number) => oldest.all(limit),
  };
}
