import { lstatSync } from 'node:fs';

/** Inode, mtime and ctime of a folder: differs (`!==`) after any change to its entries that the clock could tell apart. '' where it is missing. */
export function folderStamp(path: string): string {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}.${stat.mtimeNs}.${stat.ctimeNs}`;
}

/**
 * Whether a stamp is so old that a change now would give another one. Clocks of file systems tick every few milliseconds,
 * some only every second or two: those show no fractions.
 */
export function isAtRest(stamp: string, now: number): boolean {
  const nanoseconds = BigInt(stamp.split('.')[1] ?? 0);
  const age = now - Number(nanoseconds / 1_000_000n);
  return age > (nanoseconds % 1_000_000_000n === 0n ? 2500 : 100);
}

/** Milliseconds since 1970 of the mtime in a stamp. */
export const stampTime = (stamp: string): number => Number(BigInt(stamp.split('.')[1] ?? 0) / 1_000_000n);
