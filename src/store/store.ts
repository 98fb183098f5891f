import type { Staged } from '../base/staging.ts';
import type { AccountId, MailboxId, ModSeq, Uid, UidValidity } from '../mail/numbers.ts';
import type { Acl } from '../mail/rights.ts';
import type { SearchKey } from '../mail/search.ts';
import type { SortCriterion, SortItem } from '../mail/sort.ts';

/** Whose mail. */
export interface MailAccount {
  readonly id: AccountId;
  /** `user@domain`, lower case: the account's name in logs and change hints. */
  readonly address: string;
  /** Absolute; `/var/mail/vmail/%d/%n` with its escapes filled in. */
  readonly home: string;
  /** Octets, 0 = none. */
  readonly quota: number;
}

/** Where messages and their rows are. */
export interface MailStore {
  /** Opens an account, makes its home and INBOX when missing, recovers after an unclean stop. Cheap when open already. Every `open` is paid back with one `release`. */
  open(account: MailAccount): Promise<AccountStore>;
  /** Like `append` of an account that is opened for it, making the mailbox when missing; reads nothing of the account in this process. */
  deliver(account: MailAccount, mailbox: string, messages: readonly NewMessage[]): Promise<void>;
  /** Finishes what was taken on, checkpoints, closes. */
  close(): Promise<void>;
}

/** A mailbox as LIST and STATUS see it. Names are Unicode, levels separated by `/`, whatever the IMAP separator is; INBOX is upper case. */
export interface Mailbox {
  readonly id: MailboxId;
  readonly name: string;
  readonly uidValidity: UidValidity;
  /** Stable over rename. RFC 8474 */
  readonly mailboxId: string;
  /** `\Drafts` `\Sent` `\Junk` `\Trash` `\Archive` `\Flagged` `\All` or null. RFC 6154 */
  readonly specialUse: string | null;
  /** False for a name that exists only because children do (\NonExistent). */
  readonly selectable: boolean;
}

export interface MailboxStatus {
  readonly messages: number;
  readonly unseen: number;
  readonly recent: number;
  readonly deleted: number;
  /** Octets of all messages, RFC822.SIZE. */
  readonly size: number;
  /** Octets of those with \Deleted. RFC 9208 */
  readonly deletedSize: number;
  readonly uidNext: Uid;
  readonly uidValidity: UidValidity;
  readonly highestModSeq: ModSeq;
}

/** All of a mailbox's messages at one moment; the arrays are shared. */
export interface MailboxSnapshot extends FlagRows {
  readonly uidValidity: UidValidity;
  readonly uidNext: Uid;
  readonly highestModSeq: ModSeq;
}

export interface FlagRow {
  readonly uid: Uid;
  readonly flags: number;
  readonly moreKeywords: readonly string[];
  readonly modSeq: ModSeq;
}

/** Flags of some messages as columns, in UID order: cheap to make, to hand over and to look through. They must not be written. */
export interface FlagRows {
  readonly uids: Uint32Array;
  /** `mail/flags.ts` bits: system flags and the first 26 keywords. */
  readonly flags: Uint32Array;
  readonly modSeqs: Float64Array;
  /** Names of keywords beyond the 26th; almost always empty. */
  readonly moreKeywords: ReadonlyMap<number, readonly string[]>;
}

/** What happened to a mailbox after `since`, by UID. A message that came and went in between may be absent from both. */
export interface Changes {
  readonly uidNext: Uid;
  readonly highestModSeq: ModSeq;
  /** New messages and those whose flags changed. */
  readonly changed: FlagRows;
  /** Ascending. */
  readonly expunged: Uint32Array;
  /** False when tombstones that old are gone and `expunged` may lack some. */
  readonly complete: boolean;
}

/** What FETCH may ask from a row. `basic` columns are always there. */
export type Column =
  /** IMAP wire form of ENVELOPE without the name, latin1 octets. */
  | 'envelope'
  /** IMAP wire form of BODYSTRUCTURE, latin1 octets. */
  | 'bodyStructure'
  /** IMAP wire form of BODY (no extension data), latin1 octets. */
  | 'body'
  /** JSON of the part tree with its offsets in the file: `mail/mime` `Part`. */
  | 'structure'
  /** The header as in the file (LF line ends), up to and with the empty line; null when longer than 64 KiB. */
  | 'header'
  /** RFC 8970 */
  | 'preview'
  /** `mail/mime` `SortKeys` for SORT and THREAD. */
  | 'sortKeys'
  /** Base name of the file: no folder, nothing from the colon on, `N=` left out. What Dovecot's `pop3_uidl_format` %f means. */
  | 'fileName';

export interface MessageRow extends FlagRow {
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  /** In which it is shown, minutes ahead of UTC; null: in this host's at that time. */
  readonly zone: number | null;
  /** RFC822.SIZE: octets with CRLF line ends. */
  readonly size: number;
  /** Milliseconds since 1970. RFC 8514 */
  readonly saveDate: number;
  /** RFC 8474 */
  readonly emailId: string;
  /** null unless `sortKeys` is asked for. RFC 8474 5.2 */
  readonly threadId: string | null;
  readonly envelope?: Buffer | string;
  readonly bodyStructure?: Buffer | string;
  readonly body?: Buffer | string;
  readonly structure?: string;
  readonly header?: Buffer | null;
  readonly preview?: string;
  readonly sortKeys?: string;
  readonly fileName?: string;
  /**
   * The whole message as it lies in its file; null where that is longer, or not as this row says: `openMessage` then. In memory that
   * the next read, of whichever row, uses again.
   */
  readOctets?(longest: number): Buffer | null;
}

/** One message's file, open. Its lines end with LF or CRLF, as it was stored. */
export interface MessageFile {
  /** Octets in the file. */
  readonly size: number;
  /** At most `length` octets from `position`; fewer only at the end. Synchronous up to 64 KiB is fine on the loop; use `read` for more. */
  readSync(position: number, length: number): Buffer;
  read(position: number, length: number): Promise<Buffer>;
  /** The same into `room`, as much as it takes. @returns how many octets */
  readInto(room: Buffer, position: number): Promise<number>;
  close(): void;
}

export interface NewMessage {
  /** Whole message, LF line ends. Not discarded by the store. */
  readonly message: Staged;
  /** Put before the message: trace fields, LF line ends. */
  readonly prefix?: Uint8Array;
  readonly flags: readonly string[];
  /** Milliseconds since 1970; now when absent. */
  readonly internalDate?: number;
  /** To show that in: minutes ahead of UTC; this host's at that time when absent. */
  readonly zone?: number | null;
  /** Same key, same mailbox: stored once (a queue's retry after a crash). */
  readonly deliveryKey?: string;
}

export interface AppendOptions {
  readonly autocreate?: boolean;
  /** Expunged in the same transaction. RFC 8508 */
  readonly replaces?: { readonly id: MailboxId; readonly uid: Uid };
  /** By a session that has the mailbox selected: they are recent in it, where nothing else waits to be. RFC 3501 2.3.2 */
  readonly claimRecent?: boolean;
}

export interface Appended {
  readonly mailbox: Mailbox;
  readonly uid: Uid;
  readonly modSeq: ModSeq;
  /** It was claimed as recent. */
  readonly recent: boolean;
}

export type FlagChange = { readonly op: 'add' | 'remove' | 'replace'; readonly flags: readonly string[] };

export interface StoreResult {
  /** Rows as they are now, in UID order; those that were already so included. */
  readonly rows: FlagRows;
  /** Changed after `unchangedSince`, left alone; ascending. RFC 7162 3.1.3 */
  readonly modified: Uint32Array;
  /** Mod-sequences of the mailbox around the change: who knew all up to `before` knows all up to `after` by `rows`. */
  readonly known?: { readonly before: ModSeq; readonly after: ModSeq };
}

/** From UID to UID, pairwise, in UID order. */
export interface Copied {
  readonly target: Mailbox;
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
}

/** Something said about a mailbox or an account. RFC 5464 */
export interface Annotation {
  /** Whose private entry it is; '' = shared. */
  readonly user: string;
  /** Lower case: `/shared/comment`, `/private/vendor/…`. */
  readonly entry: string;
  readonly value: Uint8Array;
}

/** A hint that something changed; losing one costs latency, never correctness. */
export interface ChangeHint {
  readonly account: string;
  /** null: the mailbox list (create, rename, delete, subscribe, metadata). */
  readonly mailbox: MailboxId | null;
  readonly modSeq: ModSeq;
}

/** Carries hints between sessions, workers and (later) nodes. */
export interface ChangeFeed {
  publish(hint: ChangeHint): void;
  /** @returns stop listening */
  subscribe(account: string, listener: (hint: ChangeHint) => void): () => void;
}

/**
 * One account's mail. Each mutating call is one transaction, durable when it resolves. Reads that return no promise use the
 * worker's own connection and never wait for a writer.
 * Every method that names a mailbox throws Fault noSuchMailbox when it is gone.
 */
export interface AccountStore {
  readonly account: MailAccount;
  release(): void;

  list(): readonly Mailbox[];
  /** Case-sensitive but for INBOX. */
  find(name: string): Mailbox | null;
  get(id: MailboxId): Mailbox | null;
  /** Missing parents are made. @throws Fault mailboxExists, badName, tooMany */
  create(name: string, specialUse?: string | null): Promise<Mailbox>;
  /** Children move along; INBOX is emptied into the new one instead. RFC 9051 6.3.6 @throws Fault mailboxExists, badName */
  rename(from: string, to: string): Promise<void>;
  /** A mailbox with children stays as a name. RFC 9051 6.3.5 */
  delete(name: string): Promise<void>;
  /** The name need not exist. RFC 9051 6.3.7 */
  subscribe(name: string, subscribed: boolean): Promise<void>;
  /** Subscribed names, existing or not. */
  subscriptions(): readonly string[];
  setSpecialUse(name: string, specialUse: string | null): Promise<void>;

  status(id: MailboxId): MailboxStatus;
  /** Looks for changes other programs made to the folder; quick when its stamps are unchanged. */
  refresh(id: MailboxId): Promise<void>;
  snapshot(id: MailboxId): MailboxSnapshot;
  /** Names of keywords by letter, `a` first. Grows only. */
  keywords(id: MailboxId): readonly string[];
  /** A promise where they are many: they are read beside the loop. */
  changes(id: MailboxId, since: ModSeq): Changes | Promise<Changes>;
  /** Makes the session the one that sees these as \Recent: from the first UID to before the second. RFC 3501 2.3.2 */
  claimRecent(id: MailboxId): Promise<readonly [from: Uid, before: Uid]>;
  firstRecent(id: MailboxId): Uid;
  /** Rows of those of `uids` (ascending) that exist, in UID order, at most some hundred per step of the iterator. */
  fetch(id: MailboxId, uids: ArrayLike<number>, columns: readonly Column[]): IterableIterator<readonly MessageRow[]>;
  /**
   * Has what `fetch` shows of the text of `uids` (ascending, some hundred) read from their files where that was put off, so that
   * the loop does not do it. A promise only where there may be such.
   */
  read(id: MailboxId, uids: Uint32Array): Promise<void> | undefined;
  /**
   * What SORT and THREAD compare, of those of `uids` (ascending) that exist; kept in memory, so asking again is cheap. Yields.
   * @param withText else `keys` has `sent` only
   */
  sortItems(id: MailboxId, uids: ArrayLike<number>, withText: boolean): Promise<readonly SortItem[]>;
  /** Those of `uids` (ascending) that exist, in the order the criteria ask for; asking again is cheap. Not by relevancy. Yields. RFC 5256 3 */
  sort(id: MailboxId, uids: Uint32Array, criteria: readonly SortCriterion[]): Promise<Uint32Array>;
  /** @throws Fault expunged */
  openMessage(id: MailboxId, uid: Uid): Promise<MessageFile>;
  /** UIDs that match, ascending. Off the loop or in slices where it takes long. */
  search(id: MailboxId, key: SearchKey): Promise<Uint32Array>;

  /** All or none, in order. The mailbox named is made when missing and `autocreate`. @throws Fault overQuota, tooBig, storageFull, noSuchMailbox */
  append(mailbox: string, messages: readonly NewMessage[], options?: AppendOptions): Promise<readonly Appended[]>;
  store(id: MailboxId, uids: ArrayLike<number>, change: FlagChange, unchangedSince?: ModSeq): Promise<StoreResult>;
  /** @throws Fault overQuota */
  copy(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied>;
  move(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied>;
  /** Those of `uids` (all when absent) with \Deleted, or all of `uids` when `force`. @returns what went, ascending */
  expunge(id: MailboxId, uids?: ArrayLike<number>, force?: boolean): Promise<Uint32Array>;
  /** Octets and messages in the whole account. */
  usage(): { readonly bytes: number; readonly messages: number };

  /** All users' entries about a mailbox, or about the account (null). */
  metadata(id: MailboxId | null): readonly Annotation[];
  /** All changes or none; value null removes. @throws Fault tooMany */
  setMetadata(id: MailboxId | null, changes: readonly (Omit<Annotation, 'value'> & { readonly value: Uint8Array | null })[]): Promise<void>;
  /** Rights by identifier; the owner's are not in there. RFC 4314 */
  acl(id: MailboxId): Acl;
  /** `forget` removes the identifier. @throws Fault tooMany */
  setAcl(id: MailboxId, identifier: string, op: 'add' | 'remove' | 'replace' | 'forget', rights: string): Promise<void>;
  /** Everyone who is named in the list of any mailbox. */
  aclIdentifiers(): readonly string[];

  /** Hears of changes to one mailbox (null: the list) by anyone, other programs included while watched. @returns stop */
  watch(id: MailboxId | null, listener: () => void): () => void;
}
