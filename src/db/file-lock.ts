import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';

export interface FileLock {
  release(): void;
}

/**
 * An exclusive lock that other processes and other holders in this one respect, and that dies with its process: SQLite's own lock
 * on an empty database. It never waits.
 *
 * @param path made when missing, left in place
 * @returns null where another holds it
 */
export function tryLock(path: string): FileLock | null {
  create(path);
  const database = new Database(path, { timeout: 0 });
  try {
    // Nothing is ever written, so no journal need be made for it and removed again.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
  return {
    release: () => {
      database.close();
    },
  };
}

/** Never opens one that exists: closing any descriptor of a file drops this process's locks on it. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
