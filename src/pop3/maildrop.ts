import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type FileLock, tryLock } from '../db/file-lock.ts';
import { Fault } from '../mail/fault.ts';
import { seen } from '../mail/flags.ts';
import type { MailboxId, Uid } from '../mail/numbers.ts';
import type { AccountStore, MailAccount, MailStore, MessageFile, MessageRow } from '../store/store.ts';
import { Refusal } from './faults.ts';
import type { UidlFormat } from './grammar/uidl-format.ts';
import { type Listing, type Listings, listingUidls } from './listing.ts';

/** How often a login looks whether another session has let go. Milliseconds. */
const lockPause = 50;
/** Retrieved messages that wait to be marked \Seen. */
const seenBatch = 500;
const seenDelay = 1_000;
/** Rows asked for at once for a client that takes one message after the other. */
const rowsAhead = 50;
/** Octets of a message that is read at once. */
const small = 64 * 1024;

/**
 * One session's view of INBOX: messages 1 to `count` as they were at login, and which of them are to go. Sizes come from rows,
 * no file is opened but to be sent. RFC 1939 3
 */
export class Maildrop {
  readonly account: MailAccount;
  readonly #store: AccountStore;
  readonly #lock: FileLock;
  readonly #inbox: MailboxId;
  readonly #listing: Listing;
  readonly #gone: Uint8Array;
  readonly #seen = new Set<Uid>();
  /** Of messages that are likely wanted next, from the one at `#nextRow`. */
  #rows: readonly MessageRow[] = [];
  #nextRow = 0;
  /** Message that a client which takes them in order takes next. */
  #next = 1;
  #retrieved: Uid[] = [];
  #timer: NodeJS.Timeout | null = null;
  #marking: Promise<void> = Promise.resolve();
  #left = 0;
  #octets = 0;

  private constructor(store: AccountStore, lock: FileLock, inbox: MailboxId, listing: Listing) {
    this.account = store.account;
    this.#store = store;
    this.#lock = lock;
    this.#inbox = inbox;
    this.#listing = listing;
    this.#gone = new Uint8Array(listing.uids.length);
    this.reset();
  }

  /** Locks the account for this session and lists its messages. @throws Fault inUse */
  static async open(mailStore: MailStore, listings: Listings, account: MailAccount, lockWait: number): Promise<Maildrop> {
    const store = await mailStore.open(account);
    let lock: FileLock | null = null;
    try {
      lock = await lockOf(account, lockWait);
      const inbox = store.find('INBOX');
      if (inbox === null) throw new Fault('noSuchMailbox', 'INBOX');
      await store.refresh(inbox.id);
      return new Maildrop(store, lock, inbox.id, await listings.of(store, inbox.id));
    } catch (error) {
      lock?.release();
      store.release();
      throw error;
    }
  }

  /** Highest message number. */
  get count(): number {
    return this.#listing.uids.length;
  }

  /** Messages not marked as deleted, and their octets. */
  get left(): number {
    return this.#left;
  }

  get octets(): number {
    return this.#octets;
  }

  get deleted(): number {
    return this.count - this.#left;
  }

  /** @throws Refusal where there is none, or it is marked as deleted */
  check(message: number): number {
    if (message < 1 || message > this.count) throw new Refusal('syntax', (texts) => texts.noMessage(message));
    if (this.#gone[message - 1] === 1) throw new Refusal('syntax', (texts) => texts.messageDeleted);
    return message;
  }

  isDeleted(message: number): boolean {
    return this.#gone[message - 1] === 1;
  }

  /** Octets with CRLF line ends. */
  size(message: number): number {
    return this.#listing.sizes[message - 1]!;
  }

  uidls(format: UidlFormat | null): Promise<readonly string[]> {
    return listingUidls(this.#listing, format);
  }

  /** The whole of a small message as it lies in its file, octets as latin1; null where it must be opened. */
  smallText(message: number): string | null {
    return this.#row(message)?.readOctets?.(small)?.toString('latin1') ?? null;
  }

  /** @throws Fault expunged */
  openMessage(message: number): Promise<MessageFile> {
    return this.#store.openMessage(this.#inbox, this.#uid(message));
  }

  delete(message: number): void {
    this.#gone[message - 1] = 1;
    this.#left--;
    this.#octets -= this.size(message);
  }

  reset(): void {
    this.#gone.fill(0);
    this.#left = this.count;
    this.#octets = this.#listing.sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Marks as \Seen, soon: many at once cost little. */
  markSeen(message: number): void {
    const uid = this.#uid(message);
    if (this.#seen.has(uid)) return;
    this.#seen.add(uid);
    this.#retrieved.push(uid);
    if (this.#retrieved.length >= seenBatch) this.#mark();
    else this.#timer ??= setTimeout(() => this.#mark(), seenDelay);
  }

  /** Removes what is marked as deleted; durable when it resolves. RFC 1939 6 */
  async commit(): Promise<void> {
    const uids = this.#listing.uids.filter((_, i) => this.#gone[i] === 1);
    const going = new Set<number>(uids);
    this.#retrieved = this.#retrieved.filter((uid) => !going.has(uid));
    this.#mark();
    if (uids.length > 0) await this.#store.expunge(this.#inbox, uids, true);
    await this.#marking;
  }

  /** Lets the maildrop go; deletions that were not committed never happened. */
  async close(): Promise<void> {
    this.#mark();
    await this.#marking;
    this.#lock.release();
    this.#store.release();
  }

  /** A row may be older than its file's name: what is not found by it is looked for by `openMessage`. */
  #row(message: number): MessageRow | null {
    const uid = this.#uid(message);
    if (this.#rows[this.#nextRow]?.uid !== uid) {
      const count = message === this.#next ? rowsAhead : 1;
      this.#rows = [...this.#store.fetch(this.#inbox, this.#listing.uids.subarray(message - 1, message - 1 + count), [])].flat();
      this.#nextRow = 0;
    }
    this.#next = message + 1;
    const row = this.#rows[this.#nextRow];
    if (row?.uid !== uid) return null;
    this.#nextRow++;
    if ((row.flags & seen) !== 0) this.#seen.add(uid);
    return row;
  }

  #uid(message: number): Uid {
    return this.#listing.uids[message - 1] as Uid;
  }

  #mark(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#retrieved.length === 0) return;
    const uids = this.#retrieved.sort((a, b) => a - b);
    this.#retrieved = [];
    this.#marking = this.#marking
      .then(() => this.#store.store(this.#inbox, uids, { op: 'add', flags: ['\\Seen'] }))
      // The mailbox may be gone, the disk full: the messages were sent all the same.
      .then(
        () => undefined,
        () => undefined,
      );
  }
}

/** One session an account, in whichever worker: RFC 1939 4. A client that lost its line and comes back at once finds the lock gone soon. */
async function lockOf(account: MailAccount, lockWait: number): Promise<FileLock> {
  const path = join(account.home, 'postcote-pop3.lock');
  for (let waited = 0; ; waited += lockPause) {
    const lock = tryLock(path);
    if (lock !== null) return lock;
    if (waited >= lockWait) throw new Fault('inUse', account.address);
    await wait(lockPause);
  }
}
