import type { Database, Statement } from 'better-sqlite3';
import { Fault } from '../mail/fault.ts';
import { isBusy, pause } from './open.ts';

interface Statements {
  readonly begin: Statement<[]>;
  readonly commit: Statement<[]>;
  readonly rollback: Statement<[]>;
  readonly dataVersion: Statement<[], number>;
}

const kept = new WeakMap<Database, Statements>();

function statements(db: Database): Statements {
  let found = kept.get(db);
  if (found === undefined) {
    found = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
      rollback: db.prepare('ROLLBACK'),
      dataVersion: db.prepare<[], number>('PRAGMA data_version').pluck(),
    };
    kept.set(db, found);
  }
  return found;
}

/**
 * Runs `work` as one transaction that holds the write lock from its start, so that what it reads stays true until it commits.
 * Inside another one it is part of that one. `work` must not await.
 */
export function transaction<T>(db: Database, work: () => T): T {
  if (db.inTransaction) return work();
  statements(db).begin.run();
  return finished(db, work);
}

/** Connections whose every use is a prompt transaction, and how long each waits for the lock at most. Milliseconds. */
const promptOnly = new WeakMap<Database, number>();

/** From now on all that this connection does is inside `promptTransaction`, which then need not change its settings each time. */
export function alwaysPrompt(db: Database): void {
  promptOnly.set(db, db.pragma('busy_timeout', { simple: true }) as number);
  db.pragma('busy_timeout = 0');
}

/**
 * As `transaction`, for a lock that other processes hold often but briefly: asks for it every half millisecond at first, where
 * SQLite's own wait sleeps longer each time, up to 100 ms.
 */
export function promptTransaction<T>(db: Database, work: () => T): T {
  if (db.inTransaction) return work();
  const { begin } = statements(db);
  const always = promptOnly.get(db);
  const patience = always ?? (db.pragma('busy_timeout', { simple: true }) as number);
  if (always === undefined) db.pragma('busy_timeout = 0');
  try {
    for (let tries = 0; tries < 100 && !db.inTransaction; tries++) {
      try {
        begin.run();
      } catch (error) {
        if (!isBusy(error)) throw error;
        pause(0.5);
      }
    }
  } finally {
    if (always === undefined || !db.inTransaction) db.pragma(`busy_timeout = ${patience}`);
  }
  if (!db.inTransaction) {
    try {
      begin.run();
    } finally {
      if (always !== undefined) db.pragma('busy_timeout = 0');
    }
  }
  return finished(db, work);
}

/** A transaction that has begun. */
function finished<T>(db: Database, work: () => T): T {
  const { commit, rollback } = statements(db);
  try {
    const result = work();
    if (result instanceof Promise) throw new Error('a transaction must not await');
    commit.run();
    return result;
  } catch (error) {
    // Some errors (SQLITE_FULL, SQLITE_IOERR) have rolled back already.
    if (db.inTransaction) rollback.run();
    throw error;
  }
}

/** Changes when another connection, of whatever process, has committed. About a microsecond. */
export function dataVersion(db: Database): number {
  return statements(db).dataVersion.get()!;
}

/** Brings all that is in the write-ahead log into the database, durably; the log begins anew. @throws Fault unavailable where somebody reads it */
export function checkpoint(db: Database): void {
  const [result] = db.pragma('wal_checkpoint(RESTART)') as { busy: number }[];
  if (result?.busy !== 0) throw new Fault('unavailable', `${db.name}: the log is in use`);
}

/** As `quickCheck`, indexes compared with their tables as well. */
export function integrityCheck(db: Database, limit = 10): string[] {
  const found = db.pragma(`integrity_check(${limit})`) as { integrity_check: string }[];
  return found.map((row) => row.integrity_check).filter((text) => text !== 'ok');
}

/** What `PRAGMA quick_check` complains about; empty when the file is sound. */
export function quickCheck(db: Database, limit = 10): string[] {
  const found = db.pragma(`quick_check(${limit})`) as { quick_check: string }[];
  return found.map((row) => row.quick_check).filter((text) => text !== 'ok');
}
