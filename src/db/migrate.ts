import { readdirSync, readFileSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { Fault } from '../mail/fault.ts';
import { sqliteFault } from './open.ts';
import { transaction } from './transaction.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** `migrations/` at the top; this file is two levels below it, in `src/` and built. */
const top = new URL('../../migrations/', import.meta.url);
const known = new Map<string, readonly Migration[]>();

/** The numbered files of `migrations/<set>/`, in order. Read once. */
export function migrations(set: string): readonly Migration[] {
  let found = known.get(set);
  if (found === undefined) {
    found = readSet(new URL(`${set}/`, top));
    known.set(set, found);
  }
  return found;
}

/** `NNNN_name.sql`, counted from 1 without a gap. */
export function readSet(folder: URL): readonly Migration[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return files.map((name, i) => {
    const match = /^(\d{4})_[a-z0-9-]+\.sql$/.exec(name);
    if (match === null || Number(match[1]) !== i + 1) throw new Error(`${folder.pathname}${name}: wanted ${i + 1} as NNNN_name.sql`);
    return { version: i + 1, name, sql: readFileSync(new URL(name, folder), 'utf8') };
  });
}

export function schemaVersion(db: Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}

/**
 * Brings a database to the newest schema of `set`; forward only. Each step commits whole, with `user_version` as its mark.
 * Any number of processes may call it at once: who comes second finds the work done.
 *
 * @returns steps taken
 * @throws Fault unavailable when a newer version has written the file
 */
export function migrate(db: Database, set: string, steps: readonly Migration[] = migrations(set)): number {
  const newest = steps.length;
  let taken = 0;
  try {
    for (let version = schemaVersion(db); version !== newest; version = schemaVersion(db)) {
      if (version > newest) throw tooNew(db, version, newest);
      if (transaction(db, () => step(db, steps))) taken++;
    }
  } catch (error) {
    throw sqliteFault(error, db.name);
  }
  return taken;
}

/** Checks that a database opened read-only has the schema this version knows. @throws Fault unavailable */
export function requireSchema(db: Database, set: string): void {
  const newest = migrations(set).length;
  const version = schemaVersion(db);
  if (version > newest) throw tooNew(db, version, newest);
  if (version < newest) throw new Fault('unavailable', `${db.name} has schema ${version}, wanted ${newest}: start the server once`);
}

function step(db: Database, steps: readonly Migration[]): boolean {
  const next = steps[schemaVersion(db)];
  if (next === undefined) return false;
  db.exec(next.sql);
  db.pragma(`user_version = ${next.version}`);
  return true;
}

function tooNew(db: Database, version: number, newest: number): Fault {
  return new Fault(
    'unavailable',
    `${db.name} has schema ${version}, this version of postcote knows ${newest}: a newer one has written it, so run that one`,
  );
}
