import { closeSync, fsync, openSync } from 'node:fs';

/**
 * Makes commits durable that did not wait for it themselves (synchronous = NORMAL): syncs the write-ahead log, outside the
 * transaction, so that the lock is free for other processes meanwhile, and once for all commits that came during the last sync.
 * A log that was checkpointed and begun anew before the sync is durable in the database by then.
 */
export class WalSync {
  readonly #file: string;
  #fd: number | null = null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** @param database which some connection of this process holds open, so that its log stays the same file */
  constructor(database: string) {
    this.#file = `${database}-wal`;
  }

  /** Resolves when all is durable that was committed before the call. */
  sync(): Promise<void> {
    if (this.#running === null) return this.#start();
    // The one under way may have begun before the commit.
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = null;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#fd ??= openSync(this.#file, 'r');
      fsync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    }).finally(() => {
      if (this.#running === done) this.#running = null;
    });
    this.#running = done;
    return done;
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
