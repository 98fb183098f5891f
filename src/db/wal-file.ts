import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';

/**
 * The write-ahead log of a database, to be synced apart from commits: those with `synchronous = NORMAL` are durable after it. The lock
 * is free for other processes meanwhile, and the disk writes the log alone, where the fsync of a commit has the file system's own
 * journal written, too, for the time in the inode. A log that was checkpointed and begun anew before is durable in the database by then.
 */
export class WalFile {
  readonly #path: string;
  #fd: number | null = null;
  #running = 0;
  #isClosed = false;

  /** @param database which some connection of this process holds open, so that its log stays the same file */
  constructor(database: string) {
    this.#path = `${database}-wal`;
  }

  /** Resolves when all is durable that was committed before the call. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fd = this.#open();
      this.#running++;
      fdatasync(fd, (error) => {
        // Not closed under way: the number could be another file's by then.
        if (--this.#running === 0 && this.#isClosed) this.#end();
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** The same, at once. */
  syncNow(): void {
    fdatasyncSync(this.#open());
  }

  close(): void {
    this.#isClosed = true;
    if (this.#running === 0) this.#end();
  }

  #open(): number {
    this.#fd ??= openSync(this.#path, 'r');
    return this.#fd;
  }

  #end(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
