import type { Database } from '../../db/open.ts';

export interface AliasRow {
  readonly source: string;
  readonly destination: string;
  readonly enabled: number;
}

/** Rows of table `virtual_aliases`. */
export function aliasTable(db: Database) {
  const destinations = db
    .prepare<[string], string>('SELECT destination FROM virtual_aliases WHERE source = ? AND enabled <> 0 ORDER BY id')
    .pluck();
  const list = db.prepare<[], AliasRow>('SELECT source, destination, enabled FROM virtual_aliases ORDER BY source, id');
  const countIn = db.prepare<[string], number>("SELECT count(*) FROM virtual_aliases WHERE source LIKE '%@' || ? ESCAPE '\\'").pluck();
  const insert = db.prepare<[number | undefined, string, string]>(
    'INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (?, ?, ?)',
  );
  const has = db.prepare<[string, string], number>('SELECT 1 FROM virtual_aliases WHERE source = ? AND destination = ? COLLATE NOCASE');
  const remove = db.prepare<[string, string]>('DELETE FROM virtual_aliases WHERE source = ? AND destination = ? COLLATE NOCASE');
  const removeAll = db.prepare<[string]>('DELETE FROM virtual_aliases WHERE source = ?');
  const removeIn = db.prepare<[string]>("DELETE FROM virtual_aliases WHERE source LIKE '%@' || ? ESCAPE '\\'");
  const literal = (name: string): string => name.replace(/[\\%_]/g, '\\$&');

  return {
    /** As stored: each may hold several addresses. */
    destinations: (source: string): string[] => destinations.all(source),
    list: (): AliasRow[] => list.all(),
    countIn: (domain: string): number => countIn.get(literal(domain))!,
    has: (source: string, destination: string): boolean => has.get(source, destination) !== undefined,
    insert(domainId: number | undefined, source: string, destination: string): void {
      insert.run(domainId, source, destination);
    },
    remove: (source: string, destination: string): number => remove.run(source, destination).changes,
    removeAll: (source: string): number => removeAll.run(source).changes,
    removeIn: (domain: string): number => removeIn.run(literal(domain)).changes,
  };
}
