import { closeSync, constants, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { writeWhole } from '../base/durable-file.ts';
import { migrate } from './migrate.ts';
import { openDatabase } from './open.ts';

const images = new Map<string, Buffer>();

/** An empty database of the newest schema, as its file would be. Made once a thread. */
function image(set: string): Buffer {
  let found = images.get(set);
  if (found === undefined) {
    const db = openDatabase(':memory:');
    try {
      migrate(db, set);
      db.exec('VACUUM');
      found = db.serialize();
    } finally {
      db.close();
    }
    // Versions for writing and reading: 2 is WAL.
    found[18] = found[19] = 2;
    images.set(set, found);
  }
  return found;
}

/**
 * Makes a database of the newest schema by copying one, where there is none: a tenth of what running its migrations costs. On disk
 * on return, but for its name. Any number of processes may call it at once. Does nothing where that is not sure to be right; then
 * `openDatabase` and `migrate` make one.
 */
export function copyTemplate(file: string, set: string): void {
  // A new database must never meet an old one's WAL.
  if (['', '-wal', '-shm'].some((suffix) => existsSync(file + suffix))) return;
  const temporary = `${file}.new.${process.pid}.${threadId}`;
  try {
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
    try {
      writeWhole(fd, image(set));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // Never takes the place of one that another process has made meanwhile, and may have open.
    linkSync(temporary, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!['EEXIST', 'ENOENT', 'EPERM', 'ENOTSUP', 'EMLINK'].includes(code ?? '')) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}
