import { lstatSync } from 'node:fs';

/** Inode, mtime and ctime of a folder: differs (`!==`) after any change to its entries that the clock could tell apart. '' where it is missing. */
export function folderStamp(path: string): string {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}.${stat.mtimeNs}.${stat.ctimeNs}`;
}

/** Milliseconds since 1970 of the mtime in a stamp. */
export const stampTime = (stamp: string): number => Number(BigInt(stamp.split('.')[1] ?? 0) / 1_000_000n);
