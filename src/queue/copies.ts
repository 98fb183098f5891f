import type { Database } from '../db/open.ts';
import { copyTable } from './tables/copy.ts';

/** Octets of a message that is queued without a file. */
export const copyLimit = 64 << 10;

/** Milliseconds that most mail is gone after. */
const settleAfter = 30_000;

/** Whether a copy put then may have a file by now; clocks of processes differ little. */
export const mayBeFiled = (added: number, now: number): boolean => added < now - settleAfter / 2;

/**
 * Text of short messages on their way through: in the database, so that one sync makes all mail durable that comes at the same
 * time, in place of one for each file and one for their folder, and no file is made and removed for mail that leaves at once.
 * What stays longer gets its file in the spool, where a hundred thousand of them weigh nothing on the database.
 */
export class Copies {
  readonly #table;

  constructor(db: Database) {
    this.#table = copyTable(db);
  }

  put(id: string, now: number, text: Uint8Array): void {
    this.#table.insert(id, now, text);
  }

  text(id: string): Buffer | null {
    return this.#table.text(id);
  }

  /** Where the file is durable, or the message done with. @returns when it was put, null when there was none, so that only the file had the text */
  remove(id: string): number | null {
    return this.#table.remove(id);
  }

  /** Copies that have been here for a while. */
  due(now: number, limit: number): string[] {
    return this.#table.oldest(limit).flatMap(({ message_id, added }) => (added < now - settleAfter ? [message_id] : []));
  }
}
