import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Waits until a folder's entries are on disk. For threads that may block. */
export function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes all of `chunks`, however little the system takes at a time. */
export function writeWhole(fd: number, chunk: Uint8Array): void {
  for (let from = 0; from < chunk.length; ) from += writeSync(fd, chunk, from, chunk.length - from);
}

/** Replaces a small file at once for readers; what a power cut leaves of it is open. For threads that may block. */
export function replaceFileLoosely(path: string, text: string, temporary = `${path}.${process.pid}.tmp`, mode = 0o600): void {
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

/** Replaces a small file so that after a crash it holds the old text or the new one. Durable on return. For threads that may block. */
export function replaceFile(path: string, text: string, temporary = `${path}.${process.pid}.tmp`, mode = 0o600): void {
  try {
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, mode);
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
