import { lazily } from '../../db/lazy.ts';
import type { Database } from '../../db/open.ts';
import { accountTable } from './account.ts';
import { aclTable } from './acl.ts';
import { blockTable } from './block.ts';
import { contentTable } from './content.ts';
import { keptViewTable } from './kept-view.ts';
import { mailboxTable } from './mailbox.ts';
import { messageTable } from './message.ts';
import { metadataTable } from './metadata.ts';
import { searchTable } from './search.ts';
import { tombstoneTable } from './tombstone.ts';

/** An open index and its tables; each of these, and each statement, is made when it is first asked for. */
export class AccountTables {
  readonly db: Database;
  readonly #lazy: Database;
  readonly #made = new Map<unknown, unknown>();

  /** @param failed makes of an error of a statement what is thrown */
  constructor(db: Database, failed?: (error: unknown) => unknown) {
    this.db = db;
    this.#lazy = lazily(db, failed);
  }

  #of<T>(make: (db: Database) => T): T {
    let made = this.#made.get(make) as T | undefined;
    if (made === undefined) {
      made = make(this.#lazy);
      this.#made.set(make, made);
    }
    return made;
  }

  get account(): ReturnType<typeof accountTable> {
    return this.#of(accountTable);
  }

  get mailboxes(): ReturnType<typeof mailboxTable> {
    return this.#of(mailboxTable);
  }

  get messages(): ReturnType<typeof messageTable> {
    return this.#of(messageTable);
  }

  get contents(): ReturnType<typeof contentTable> {
    return this.#of(contentTable);
  }

  get blocks(): ReturnType<typeof blockTable> {
    return this.#of(blockTable);
  }

  get tombstones(): ReturnType<typeof tombstoneTable> {
    return this.#of(tombstoneTable);
  }

  get acls(): ReturnType<typeof aclTable> {
    return this.#of(aclTable);
  }

  get metadata(): ReturnType<typeof metadataTable> {
    return this.#of(metadataTable);
  }

  get keptViews(): ReturnType<typeof keptViewTable> {
    return this.#of(keptViewTable);
  }

  get words(): ReturnType<typeof searchTable> {
    return this.#of(searchTable);
  }

  close(): void {
    this.db.close();
  }
}
