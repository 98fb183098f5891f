import { randomFillSync } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../base/log.ts';
import type { StoreSettings } from './settings.ts';

/** Milliseconds after which an unfinished one is another's no more. */
const abandoned = 600_000;
const block = 1 << 20;

/**
 * Keeps a file that only takes up room, so that a full disk has some for EXPUNGE, which needs a little before it gives back much.
 * A store thread removes it then; here it is made, again and again, once there is plenty. Any process may do either.
 */
export class Ballast {
  readonly #settings: StoreSettings;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout | null;
  #working: Promise<void> = Promise.resolve();

  constructor(settings: StoreSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    const look = (): void => {
      this.#working = this.#working.then(() => this.#keep());
    };
    this.#timer = settings.ballast === '' || settings.ballastSize === 0 ? null : setInterval(look, settings.ballastInterval).unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#working;
  }

  async #keep(): Promise<void> {
    const { ballast, ballastSize, minFree } = this.#settings;
    try {
      if (((await found(ballast))?.size ?? 0) > 0) return;
      const { bavail, bsize } = await statfs(dirname(ballast));
      if (bavail * bsize < minFree + 3 * ballastSize) return;
      const temporary = `${ballast}.making`;
      const other = await found(temporary);
      if (other !== undefined && Date.now() - other.mtimeMs < abandoned) return;
      if (other !== undefined) await rm(temporary, { force: true });
      await write(temporary, ballastSize);
      await rename(temporary, ballast);
    } catch (error) {
      // Another process was faster, or there is no room after all: the next look shows.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') this.#log.warn({ err: error }, 'could not set room aside for a full disk');
    }
  }
}

const found = (path: string) => stat(path).catch(() => undefined);

/** Octets that no file system makes smaller. */
async function write(path: string, size: number): Promise<void> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  try {
    // One piece of memory: of 64 of them, most would be given back when the garbage collector comes.
    const octets = Buffer.allocUnsafeSlow(Math.min(block, size));
    for (let left = size; left > 0; left -= octets.length) {
      randomFillSync(octets);
      await file.write(octets, 0, Math.min(octets.length, left));
    }
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
