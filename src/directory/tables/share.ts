import type { Database } from '../../db/open.ts';

/** Rows of table `share`. */
export function shareTable(db: Database) {
  const owners = db.prepare<[string], string>('SELECT owner FROM share WHERE identifier = ? ORDER BY owner').pluck();
  const of = db.prepare<[string], string>('SELECT identifier FROM share WHERE owner = ?').pluck();
  const add = db.prepare<[string, string]>('INSERT INTO share (identifier, owner) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const remove = db.prepare<[string, string]>('DELETE FROM share WHERE identifier = ? AND owner = ?');
  const removeAddress = db.prepare<[string, string]>('DELETE FROM share WHERE identifier = ? OR owner = ?');

  return {
    owners: (identifier: string): string[] => owners.all(identifier),
    identifiers: (owner: string): string[] => of.all(owner),
    add: (identifier: string, owner: string) => add.run(identifier, owner),
    removeAddress: (address: string) => removeAddress.run(address, address),
    remove: (identifier: string, owner: string) => remove.run(identifier, owner),
  };
}
