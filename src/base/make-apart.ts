import { spawnSync } from 'node:child_process';
import { mkdirSync, opendirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder beside others that have nothing to do with it: the home of an account. The first one in its parent marks the parent as
 * the top of a hierarchy (`T` in chattr(1)), so that ext4 puts each of them into another part of the disk, with what is written
 * into it. Elsewhere the mark is not known, and nothing is lost.
 */
export function makeApart(path: string): void {
  const parent = dirname(path);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  if (isOwn(parent) && isEmpty(parent)) setApart(parent);
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Marks a folder so that the file system sets those in it apart, where it can. */
export function setApart(folder: string): void {
  spawnSync('chattr', ['+T', '--', folder], { stdio: 'ignore', timeout: 5000 });
}

const isOwn = (folder: string): boolean => statSync(folder).uid === process.getuid!();

function isEmpty(folder: string): boolean {
  const entries = opendirSync(folder);
  try {
    return entries.readSync() === null;
  } finally {
    entries.closeSync();
  }
}
