import { WalFile } from '../db/wal-file.ts';

/** Makes commits durable that did not wait for it themselves: syncs the write-ahead log once for all that came during the last sync. */
export class WalSync {
  readonly #log: WalFile;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** @param database which some connection of this process holds open */
  constructor(database: string) {
    this.#log = new WalFile(database);
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
    const done = this.#log.sync().finally(() => {
      if (this.#running === done) this.#running = null;
    });
    this.#running = done;
    return done;
  }

  close(): void {
    this.#log.close();
  }
}
