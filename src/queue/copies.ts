import type { Database } from '../db/open.ts';
import type { Spool } from './spool.ts';
import { copyTable } from './tables/copy.ts';

/** Octets of a message that is queued without a file. */
export const copyLimit = 64 << 10;

/** Milliseconds that most mail is gone after. */
const settleAfter = 30_000;

/**
 * Text of short messages on their way through: in the database, so that one sync makes all mail durable that comes at the same
 * time, in place of one for each file and one for their folder, and no file is made and removed for mail that leaves at once.
 * What stays longer gets its file in the spool, where a hundred thousand of them weigh nothing on the database.
 */
export class Copies {
  readonly #spool: Spool;
  readonly #table;

  constructor(db: Database, spool: Spool) {
    this.#spool = spool;
    this.#table = copyTable(db);
  }

  put(id: string, now: number, text: Uint8Array): void {
    this.#table.insert(id, now, text);
  }

  text(id: string): Buffer | null {
    return this.#table.text(id);
  }

  /** Where the file is durable, or the message done with. @returns false when there is none, so that only the file had the text */
  remove(id: string): boolean {
    return this.#table.remove(id);
  }

  /** The file of a message, not durable. */
  write(id: string): void {
    const text = this.#table.text(id);
    if (text !== null) this.#spool.restore(id, text);
  }

  /** Copies that have been here for a while. */
  due(now: number, limit: number): string[] {
    return this.#table.oldest(limit).flatMap(({ message_id, added }) => (added < now - settleAfter ? [message_id] : []));
  }
}
