import type { Database } from '../../db/open.ts';
import type { Domain } from '../directory.ts';

interface Row {
  readonly name: string;
  readonly enabled: number;
  readonly alias_of: string | null;
}

const toDomain = (row: Row): Domain => ({
  name: row.name.toLowerCase(),
  enabled: row.enabled !== 0,
  aliasOf: row.alias_of === null || row.alias_of === '' ? null : row.alias_of.toLowerCase(),
});

/** Rows of table `virtual_domains`. */
export function domainTable(db: Database) {
  const find = db.prepare<[string], Row>('SELECT name, enabled, alias_of FROM virtual_domains WHERE name = ?');
  const id = db.prepare<[string], number>('SELECT id FROM virtual_domains WHERE name = ?').pluck();
  const list = db.prepare<[], Row>('SELECT name, enabled, alias_of FROM virtual_domains ORDER BY name');
  const insert = db.prepare<[string, string | null]>('INSERT INTO virtual_domains (name, alias_of) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const remove = db.prepare<[string]>('DELETE FROM virtual_domains WHERE name = ?');
  const enable = db.prepare<[number, string]>('UPDATE virtual_domains SET enabled = ? WHERE name = ?');

  return {
    find(name: string): Domain | null {
      const row = find.get(name);
      return row === undefined ? null : toDomain(row);
    },
    id: (name: string): number | undefined => id.get(name),
    list: (): Domain[] => list.all().map(toDomain),
    /** @returns false where the name is taken */
    insert: (name: string, aliasOf: string | null): boolean => insert.run(name, aliasOf).changes === 1,
    remove: (name: string): boolean => remove.run(name).changes === 1,
    setEnabled: (name: string, enabled: boolean): boolean => enable.run(enabled ? 1 : 0, name).changes === 1,
  };
}
