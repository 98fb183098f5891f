import { closeSync, constants, fsync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export function openFolder(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
}

/** Waits until a file's octets are on disk. For threads that may block. */
export function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Waits until a folder's entries are on disk. For threads that may block. */
export function syncFolder(path: string): void {
  const fd = openFolder(path);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** fsyncs under way at once; each takes one of the process's pool of threads. */
const syncsAtOnce = 4;

/**
 * Waits until many files or folders are on disk: together, so that they share the disk's flushes. One alone is done at once.
 * @returns what each failed with, null where it is on disk
 */
export function syncAll(fds: readonly number[]): readonly unknown[] | Promise<readonly unknown[]> {
  const results: unknown[] = fds.map(() => null);
  if (fds.length < 2) {
    try {
      for (const fd of fds) fsyncSync(fd);
    } catch (error) {
      results[0] = error;
    }
    return results;
  }
  return new Promise((resolve) => {
    let next = 0;
    let left = fds.length;
    const one = (): void => {
      if (next === fds.length) return;
      const i = next++;
      fsync(fds[i]!, (error) => {
        results[i] = error;
        if (--left === 0) resolve(results);
        else one();
      });
    };
    for (let n = 0; n < syncsAtOnce; n++) one();
  });
}

/** Writes all of `chunks`, however little the system takes at a time. */
export function writeWhole(fd: number, chunk: Uint8Array): void {
  for (let from = 0; from < chunk.length; ) from += writeSync(fd, chunk, from, chunk.length - from);
}

/** In a folder that others may write to, a link must not lead elsewhere. */
const replacing = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/** Replaces a small file at once for readers; what a power cut leaves of it is open. For threads that may block. */
export function replaceFileLoosely(path: string, text: string, temporary = `${path}.${process.pid}.tmp`, mode = 0o600): void {
  const fd = openSync(temporary, replacing, mode);
  try {
    writeWhole(fd, Buffer.from(text));
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

/** Replaces a small file so that after a crash it holds the old text or the new one. Durable on return. For threads that may block. */
export function replaceFile(path: string, text: string, temporary = `${path}.${process.pid}.tmp`, mode = 0o600): void {
  try {
    const fd = openSync(temporary, replacing, mode);
    try {
      writeWhole(fd, Buffer.from(text));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}
