import type { Database } from '../../db/open.ts';

/** Rows of table `secret`. */
export function secretTable(db: Database) {
  const find = db.prepare<[string], Uint8Array>('SELECT value FROM secret WHERE name = ?').pluck();
  const insert = db.prepare<[string, Uint8Array]>('INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING');

  return {
    find: (name: string): Uint8Array | undefined => find.get(name),
    /** Keeps what is there. */
    insert(name: string, value: Uint8Array): void {
      insert.run(name, value);
    },
  };
}
