import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import SQLite, { type Database } from 'better-sqlite3';
import { Fault } from '../mail/fault.ts';

export type { Database } from 'better-sqlite3';

export type Synchronous = 'NORMAL' | 'FULL' | 'EXTRA';

export interface DatabaseOptions {
  /** Never writes, never creates. */
  readonly readOnly?: boolean;
  /** What a commit waits for in WAL mode: NORMAL loses the last commits (never the file) at power loss, FULL nothing. Default FULL. */
  readonly synchronous?: Synchronous;
  /** How long to wait for another connection's lock. Milliseconds, default 10,000. */
  readonly busyTimeout?: number;
  /** Octets of the file to map into memory, default 0. */
  readonly mmapSize?: number;
  /** Octets of page cache for this connection, default 2 MiB. */
  readonly cacheSize?: number;
  /** Pages in the WAL that start a checkpoint, 0 = never by itself. Default 1000. */
  readonly walAutocheckpoint?: number;
}

/**
 * Opens a database in WAL mode; makes it, mode 0600, where there is none.
 *
 * @throws Fault unavailable (locked, not permitted, not a database), storageFull
 */
export function openDatabase(file: string, options: DatabaseOptions = {}): Database {
  const readOnly = options.readOnly ?? false;
  const busyTimeout = options.busyTimeout ?? 10_000;
  let db: Database | undefined;
  try {
    if (!readOnly && file !== ':memory:') createPrivate(file);
    db = new SQLite(file, { readonly: readOnly, fileMustExist: readOnly, timeout: busyTimeout });
    if (!readOnly && file !== ':memory:') enterWal(db, busyTimeout);
    if (!readOnly) setSynchronous(db, options.synchronous ?? 'FULL');
    const pages = options.walAutocheckpoint === undefined ? '' : `PRAGMA wal_autocheckpoint = ${options.walAutocheckpoint};`;
    db.exec(`PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = ${options.mmapSize ?? 0};
      ${cacheSize(options.cacheSize ?? 2 << 20)}; ${pages}`);
    return db;
  } catch (error) {
    db?.close();
    throw sqliteFault(error, file);
  }
}

const cacheSize = (octets: number): string => `PRAGMA cache_size = -${Math.ceil(octets / 1024)}`;

/** Octets of page cache from now on. */
export function setCacheSize(db: Database, octets: number): void {
  db.exec(cacheSize(octets));
}

const levels: Record<Synchronous, number> = { NORMAL: 1, FULL: 2, EXTRA: 3 };

/**
 * Sets what a commit of this connection waits for, and checks that it is in force.
 *
 * QUIRK: better-sqlite3 is built with SQLITE_DEFAULT_WAL_SYNCHRONOUS=1: entering WAL mode lowers the level to NORMAL,
 * whatever was read before. So this comes after journal_mode, on every connection (13.2, 2026-09).
 */
export function setSynchronous(db: Database, level: Synchronous): void {
  db.pragma(`synchronous = ${level}`);
  const inForce = db.pragma('synchronous', { simple: true });
  if (inForce !== levels[level]) throw new Error(`synchronous is ${String(inForce)}, wanted ${level}`);
}

/**
 * WAL and SHM files take their mode from the database file, so that is made first, closed to others. Never opens one that exists:
 * closing any descriptor of it drops this process's locks, and another process could then remove a WAL in use.
 */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    createPrivate(file);
  }
}

/** The change of mode needs the file alone and does not wait by itself when several processes open a new file at once. */
function enterWal(db: Database, busyTimeout: number): void {
  const until = Date.now() + busyTimeout;
  for (;;) {
    try {
      const mode = db.pragma('journal_mode = WAL', { simple: true });
      if (mode === 'wal') {
        // The level in force would change at the first read of a WAL file: make it now, before it is set.
        db.pragma('user_version');
        return;
      }
      if (Date.now() >= until) throw new Fault('unavailable', `${db.name} stays in journal mode ${String(mode)}`);
    } catch (error) {
      if (!isBusy(error) || Date.now() >= until) throw error;
    }
    pause(5 + Math.random() * 20);
  }
}

/** Blocks the thread. Milliseconds. */
export function pause(duration: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, duration);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Another connection holds the lock. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));

/** The file is damaged or no database. */
export const isCorrupt = (error: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));

/** The same, and what only damage leads to in a database whose statements are right: a row where none can be, a table or column that is gone. */
export const isDamage = (error: unknown): boolean =>
  isCorrupt(error) ||
  codeOf(error).startsWith('SQLITE_CONSTRAINT') ||
  (codeOf(error) === 'SQLITE_ERROR' && /^no such |has no column named /.test((error as Error).message));

/** No room left: on disk or by limit. */
export const isFull = (error: unknown): boolean => /^(SQLITE_FULL|ENOSPC|EDQUOT)$/.test(codeOf(error));

/** What SQLite or the file system said, in words of mail; anything else as it is. */
export function sqliteFault(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (error instanceof Fault || !/^(SQLITE_|E[A-Z]+$)/.test(code)) return error;
  const detail = `${file}: ${(error as Error).message}`;
  if (isFull(error)) return new Fault('storageFull', detail, { cause: error });
  if (/^SQLITE_(BUSY|LOCKED|CANTOPEN|CORRUPT|NOTADB|READONLY|IOERR|PERM|AUTH)|^E/.test(code)) {
    return new Fault('unavailable', detail, { cause: error });
  }
  return error;
}
