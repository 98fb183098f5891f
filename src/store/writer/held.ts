import { WordIndexer } from '../search/index-words.ts';
import type { AccountWriter } from './account-writer.ts';
import type { Opened } from './open.ts';

/** An account that a store thread has open, and what is still to be done for it. */
export class Held {
  readonly writer: AccountWriter;
  readonly indexer: WordIndexer;
  used = 0;
  /** Another index lies there by now. */
  isStale = false;
  unsettled = true;
  unread: boolean;
  unindexed = true;

  constructor({ writer, unread }: Opened) {
    this.writer = writer;
    this.indexer = new WordIndexer(writer);
    this.unread = unread;
  }

  get busy(): boolean {
    return this.unsettled || this.unread || this.unindexed;
  }
}
