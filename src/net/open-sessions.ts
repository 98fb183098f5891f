import type { Connection } from './connection.ts';

/** A client being served. */
export interface RunningSession {
  readonly connection: Connection;
  /** Serves until the client leaves. */
  run(): Promise<void>;
  /** Asks it to end as soon as what it is doing is done. */
  stop(): void;
}

/** The sessions of one service, from their first octet to their last. */
export class OpenSessions {
  readonly #open = new Map<RunningSession, Promise<void>>();
  #closing = false;

  get size(): number {
    return this.#open.size;
  }

  /** Serves one client until it leaves; nobody is let in while closing. */
  async serve(connection: Connection, begin: () => RunningSession): Promise<void> {
    if (this.#closing) {
      connection.destroy();
      return;
    }
    const session = begin();
    const done = session.run();
    this.#open.set(session, done);
    try {
      await done;
    } finally {
      this.#open.delete(session);
    }
  }

  /** Stops all; those that have not ended after `deadlineMs` are cut off. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    for (const session of this.#open.keys()) session.stop();
    const late = setTimeout(() => {
      for (const session of this.#open.keys()) session.connection.destroy();
    }, deadlineMs);
    await Promise.allSettled(this.#open.values());
    clearTimeout(late);
  }
}
