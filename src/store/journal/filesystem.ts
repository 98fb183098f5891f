import { spawn, spawnSync } from 'node:child_process';
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * File systems whose syncfs(2) is known to reach the disk: ext2 to 4, XFS, btrfs, F2FS, ZFS, overlay, and tmpfs, which has none. Not
 * FUSE, which does not pass it on; nor those of a network.
 */
const known = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x794c7630, 0x01021994]);

/** The file system of a folder, by its device; null where syncing the whole of it cannot be relied on. */
export function syncable(path: string): number | null {
  return known.has(statfsSync(path).type) ? statSync(path).dev : null;
}

/** Some folder on a device, at `path` or above; null where that file system is no longer there: taking it away has synced it. */
function placeOn(device: number, path: string): string | null {
  for (let at = path; ; at = dirname(at)) {
    if (statSync(at, { throwIfNoEntry: false })?.dev === device) return at;
    if (dirname(at) === at) return null;
  }
}

/**
 * Makes all durable that was written before the call to the file systems of these folders: syncfs(2), which Node cannot call itself, by
 * coreutils' `sync -f`. @param places a folder of each device
 */
export async function syncFilesystems(places: ReadonlyMap<number, string>): Promise<void> {
  for (const [device, path] of places) {
    const place = placeOn(device, path);
    if (place === null) continue;
    await new Promise<void>((resolve, reject) => {
      const child = spawn('sync', ['-f', place], { stdio: 'ignore' });
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        code === 0 ? resolve() : reject(new Error(`sync -f ${place}: ${signal ?? `exit ${String(code)}`}`)),
      );
    });
  }
}

/** The same, at once. */
export function syncFilesystemsNow(places: ReadonlyMap<number, string>): void {
  for (const [device, path] of places) {
    const place = placeOn(device, path);
    if (place === null) continue;
    const { status, signal, error } = spawnSync('sync', ['-f', place], { stdio: 'ignore' });
    if (status !== 0) throw error ?? new Error(`sync -f ${place}: ${signal ?? `exit ${String(status)}`}`);
  }
}
