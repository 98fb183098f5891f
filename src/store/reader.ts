import { statSync } from 'node:fs';
import { isDamage, openDatabase, sqliteFault } from '../db/open.ts';
import { dataVersion } from '../db/transaction.ts';
import { Fault } from '../mail/fault.ts';
import { AccountTables } from './tables/account-tables.ts';
import type { MailboxRecord } from './tables/mailbox.ts';

/** Milliseconds between looks at whether the index is still the same file. */
const identityInterval = 1000;

/** The loop's own connection to one account's index: reads only, never waits for a writer. */
export class Reader extends AccountTables {
  readonly #file: string;
  readonly #inode: number;
  #checked = Date.now();
  #version = -1;
  #isFresh = false;
  readonly #stale = (): void => {
    this.#isFresh = false;
  };
  readonly #records = new Map<number, MailboxRecord | undefined>();
  readonly #unread = new Map<number, number | null>();
  readonly #keywords = new Map<number, readonly string[]>();
  #subscribed: ReadonlySet<string> | null = null;
  #all: readonly MailboxRecord[] | null = null;
  readonly #together: (work: () => unknown) => unknown;
  readonly #damaged: (inode: number) => void;
  #isDoubted = false;

  /** @param damaged called with the file's inode when damage shows, before the error goes its way; with 0 where it may be there */
  constructor(file: string, damaged: (inode: number) => void) {
    super(openDatabase(file, { readOnly: true, cacheSize: 1 << 20 }), (error) => {
      if (!isDamage(error)) return sqliteFault(error, file);
      damaged(this.#inode);
      return new Fault('unavailable', `${file}: ${(error as Error).message}`, { cause: error });
    });
    this.#file = file;
    this.#inode = statSync(file).ino;
    this.#damaged = damaged;
    this.#together = this.db.transaction((work: () => unknown) => work());
  }

  /** False once the index has been replaced by another file. */
  isCurrent(): boolean {
    const now = Date.now();
    if (Math.abs(now - this.#checked) < identityInterval) return true;
    this.#checked = now;
    return statSync(this.#file, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  /** The index may be damaged: a store thread is to look through it, once. */
  doubt(): void {
    this.#isDoubted = true;
    this.#damaged(0);
  }

  /** Messages that somebody knows of and that have no row: they went, or the index hides them. */
  missed(id: number, uids: ArrayLike<number>, from: number, to: number, rows: readonly { readonly uid: number }[]): void {
    if (this.#isDoubted) return;
    const there = new Set(rows.map(({ uid }) => uid));
    const wanted = Array.from({ length: to - from }, (_, i) => uids[from + i]!);
    if (wanted.some((uid) => !there.has(uid) && this.tombstones.has(id, uid) === undefined)) this.doubt();
  }

  get isDoubted(): boolean {
    return this.#isDoubted;
  }

  /** Has the next use look whether the index is still the same file. */
  suspect(): void {
    this.#checked = 0;
  }

  /** Reads of `work` see one moment. */
  atOnce<T>(work: () => T): T {
    return this.#together(work) as T;
  }

  /** Looks once until the loop does something else: a store thread's answer comes by a turn of its own. */
  #fresh(): void {
    if (this.#isFresh) return;
    this.#isFresh = true;
    queueMicrotask(this.#stale);
    const version = dataVersion(this.db);
    if (version === this.#version) return;
    this.#version = version;
    this.#records.clear();
    this.#unread.clear();
    this.#keywords.clear();
    this.#subscribed = null;
    this.#all = null;
  }

  /** @throws Fault noSuchMailbox */
  mailbox(id: number): MailboxRecord {
    const found = this.find(id);
    if (found === undefined) throw new Fault('noSuchMailbox', `mailbox ${id}`);
    return found;
  }

  find(id: number): MailboxRecord | undefined {
    this.#fresh();
    if (!this.#records.has(id)) this.#records.set(id, this.mailboxes.get(id));
    return this.#records.get(id);
  }

  named(name: string): MailboxRecord | undefined {
    this.#fresh();
    for (const record of this.#records.values()) if (record?.name === name) return record;
    const found = this.mailboxes.find(name);
    if (found !== undefined) this.#records.set(found.id, found);
    return found;
  }

  /** The lowest UID of a mailbox's messages whose contents were not read yet; null where all were. */
  firstUnread(id: number): number | null {
    this.#fresh();
    let found = this.#unread.get(id);
    if (found === undefined) {
      found = this.messages.firstUnread(id);
      this.#unread.set(id, found);
    }
    return found;
  }

  /** Names of a mailbox's keywords by letter; '' where a letter has none. */
  keywords(id: number): readonly string[] {
    this.#fresh();
    let found = this.#keywords.get(id);
    if (found === undefined) {
      found = this.mailboxes.keywords(id);
      this.#keywords.set(id, found);
    }
    return found;
  }

  subscribed(): ReadonlySet<string> {
    this.#fresh();
    this.#subscribed ??= new Set(this.account.subscriptions());
    return this.#subscribed;
  }

  all(): readonly MailboxRecord[] {
    this.#fresh();
    this.#all ??= this.mailboxes.all();
    return this.#all;
  }
}
