import type { Database } from '../../db/open.ts';

export interface DestinationRow {
  readonly name: string;
  readonly blocked_until: number;
  /** In a row. */
  readonly failures: number;
  readonly reply: string;
}

/** Rows of table `destination`: those that could not be reached. */
export function destinationTable(db: Database) {
  const get = db.prepare<[string], DestinationRow>('SELECT * FROM destination WHERE name = ?');
  const put = db.prepare<DestinationRow>(`
    INSERT INTO destination (name, blocked_until, failures, reply) VALUES (:name, :blocked_until, :failures, :reply)
    ON CONFLICT (name) DO UPDATE SET blocked_until = excluded.blocked_until, failures = excluded.failures, reply = excluded.reply`);
  const remove = db.prepare<[string]>('DELETE FROM destination WHERE name = ?');
  const clear = db.prepare('UPDATE destination SET blocked_until = 0');
  const bringForward = db.prepare<[number, number]>('UPDATE destination SET blocked_until = ? WHERE blocked_until > ?');
  const old = db.prepare<[number]>('DELETE FROM destination WHERE blocked_until < ?');
  const all = db.prepare<[], DestinationRow>('SELECT * FROM destination ORDER BY name LIMIT 10000');
  return {
    get: (name: string) => get.get(name),
    put: (row: DestinationRow): void => void put.run(row),
    remove: (name: string): boolean => remove.run(name).changes === 1,
    /** Lets all be tried at once. */
    unblock: (): void => void clear.run(),
    /** Those that would be blocked until after `latest`. */
    bringForward: (to: number, latest: number): void => void bringForward.run(to, latest),
    removeOld: (before: number): void => void old.run(before),
    all: () => all.all(),
  };
}
