import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../../base/durable-file.ts';
import type { Log } from '../../base/log.ts';
import { migrate } from '../../db/migrate.ts';
import { type Database, openDatabase, type Synchronous, setCacheSize, setSynchronous, sqliteFault } from '../../db/open.ts';
import { checkpoint, dataVersion, transaction } from '../../db/transaction.ts';
import { WalFile } from '../../db/wal-file.ts';
import { Fault } from '../../mail/fault.ts';
import { firstKeywordBit, flagBits, lettered, systemFlag } from '../../mail/flags.ts';
import { type Columns, columnsOf } from '../columns.ts';
import { readKeywordFile, writeKeywordFile } from '../files/keyword-file.ts';
import { writeMailboxFile } from '../files/mailbox-file.ts';
import { isOwn } from '../files/name.ts';
import { folderStamp } from '../files/stamp.ts';
import type { Journal, JournalEntry } from '../journal/journal.ts';
import { packed } from '../kept-view.ts';
import type { StoreSettings } from '../settings.ts';
import { AccountTables } from '../tables/account-tables.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { MessageRecord } from '../tables/message.ts';
import { SpareFile } from './spare-file.ts';

/** UIDs set aside at a time in a folder's synced file. */
export const uidBlock = 1000;
export const indexName = 'postcote.sqlite';

/** The index was replaced by another file while we waited for its lock: begin again with that one. */
export class StaleIndex extends Error {}

/** The index says what no program can have made true: it is set aside and made anew from the files. */
export class BrokenIndex extends Error {}

/** What an operation answers that is to be run again, after others of the account. */
export const unfinished = Symbol('unfinished');

/** One mutation. `prepare` comes before the transaction, `run` inside it. */
export interface Operation<R = unknown> {
  /** Answered when its commit survives power loss by itself (STORE, EXPUNGE, MOVE); otherwise the file's name carries what the row says. */
  readonly durable: boolean;
  /** @param isAlone nothing else waits, or is done with it */
  prepare?(isAlone: boolean): void;
  /** Messages that `run` has put in their places and that the journal makes durable. Called once after `run`. */
  journaled?(): readonly Unsynced[];
  /** Descriptors that must be on disk before `run`. Called once after `prepare`. */
  unsynced?(): readonly number[];
  run(): R;
  /** Removes what `prepare` left. Called always, last. */
  dispose?(): void;
}

/** A message in its place and not on disk. */
export interface Unsynced extends JournalEntry {
  readonly fd: number;
  /** Absolute: where its name is. */
  readonly folder: string;
}

export interface Outcome {
  readonly value?: unknown;
  readonly error?: unknown;
}

export interface AccountNames {
  readonly address: string;
  readonly home: string;
}

export interface Hint {
  readonly mailbox: number | null;
  readonly modseq: number;
}

/** `Changes` of a mailbox as they cross threads. */
export interface LoadedChanges {
  readonly uidNext: number;
  readonly highestModSeq: number;
  readonly changed: Columns & { readonly more: ReadonlyMap<number, readonly string[]> };
  readonly expunged: Uint32Array;
  readonly complete: boolean;
}

/** Whether the stamps were as recorded before we began. */
interface Touched {
  readonly path: string;
  readonly isNewKnown: boolean;
  /** null: `cur/` stays as it is. */
  isCurKnown: boolean | null;
}

/** Octets of page cache: of an account that only receives, and from the first change that a reader asks for. */
const smallCache = 96 << 10;
const largeCache = 1 << 20;

function openIndex(file: string): Database {
  const db = openDatabase(file, { busyTimeout: 20_000, cacheSize: smallCache, walAutocheckpoint: 2000, synchronous: 'NORMAL' });
  try {
    migrate(db, 'account');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** One account's files and rows, as a store thread changes them. Everything here blocks. */
export class AccountWriter extends AccountTables {
  readonly address: string;
  readonly home: string;
  /** The Maildir. */
  readonly root: string;
  readonly settings: StoreSettings;
  readonly log: Log;
  readonly inode: number;
  readonly spareFile: SpareFile;
  /** What may make its deliveries durable, and the device they are on. */
  journal: { readonly journal: Journal; readonly device: number; readonly home: string } | null = null;
  /** Mailboxes of the account are being made: nothing of them was promised to anyone, one sync at the end will do. */
  isFounding = false;
  #level: Synchronous = 'NORMAL';
  #hasLargeCache = false;
  #modseq = 0;
  /** The drawn modseq that a mailbox's row holds, so that the account's row need not. */
  #kept = 0;
  /** The highest of the account as of a state of the index. */
  #last = 0;
  #version = -1;
  #rootKnown: boolean | null = null;
  #touched = new Map<number, Touched>();
  #undo: (() => void)[] = [];
  #hints = new Map<number | null, number>();
  #folders = new Set<string>();
  readonly #wal: WalFile;
  #owesLog = false;
  #hasLostLog = false;

  constructor(names: AccountNames, settings: StoreSettings, log: Log) {
    super(openIndex(join(names.home, indexName)));
    this.address = names.address;
    this.home = names.home;
    this.root = join(names.home, settings.maildir);
    this.settings = settings;
    this.log = log.child({ address: names.address });
    this.inode = statSync(this.indexFile).ino;
    this.#wal = new WalFile(this.indexFile);
    this.spareFile = new SpareFile(join(this.root, 'tmp'));
  }

  override close(): void {
    this.spareFile.drop();
    super.close();
    this.#wal.close();
  }

  get indexFile(): string {
    return join(this.home, indexName);
  }

  /** False when another process has set the index aside, or someone deleted it. */
  isCurrent(): boolean {
    return statSync(this.indexFile, { throwIfNoEntry: false })?.ino === this.inode;
  }

  /** @throws StaleIndex where the home was taken away, its index with it: it is made anew */
  prepare(operation: Operation, isAlone: boolean): void {
    try {
      operation.prepare?.(isAlone);
    } catch (error) {
      throw this.isCurrent() ? error : new StaleIndex(this.indexFile);
    }
  }

  /** What is about to be copied, moved or removed must be the message's own file. @throws BrokenIndex */
  mustBeOwn(mailbox: Pick<MailboxRecord, 'uidValidity' | 'name'>, row: Pick<MessageRecord, 'uid' | 'file' | 'origin'>): void {
    if (isOwn(mailbox, row)) return;
    throw new BrokenIndex(`${mailbox.name}: the row of UID ${row.uid} names ${row.origin ?? row.file}`);
  }

  path(mailbox: Pick<MailboxRecord, 'folder'>, file = ''): string {
    const folder = mailbox.folder === '' ? this.root : `${this.root}/${mailbox.folder}`;
    return file === '' ? folder : `${folder}/${file}`;
  }

  /** Where a message's file lies, as its row says: in its mailbox, or where it waits to be moved from. */
  pathOf(mailbox: Pick<MailboxRecord, 'folder'>, { origin, file }: Pick<MessageRecord, 'origin' | 'file'>): string {
    return origin === null ? this.path(mailbox, file) : join(this.root, origin);
  }

  /**
   * Runs prepared operations as one transaction, each undone alone when it fails. Answers may go out only after
   * `takeFolders` and `takeLog` have been synced.
   */
  run(operations: readonly Operation[]): Outcome[] {
    const outcomes: Outcome[] = [];
    try {
      this.#setLevel('NORMAL');
      if (operations.some((operation) => operation.durable)) this.#oweLog();
      this.transaction(() => {
        // What is alone needs no savepoint: it takes the transaction with it.
        if (operations.length === 1) outcomes.push({ value: operations[0]!.run() });
        else for (const operation of operations) outcomes.push(this.#runOne(operation));
      });
    } catch (error) {
      const fault = sqliteFault(error, this.indexFile);
      return operations.map(() => ({ error: fault }));
    }
    return outcomes;
  }

  /** For work that belongs to no request: recovery, settling, scans. */
  transaction<T>(work: () => T, level?: Synchronous): T {
    if (this.db.inTransaction) return work();
    if (level !== undefined) this.#setLevel(level);
    try {
      return transaction(this.db, () => {
        if (!this.isCurrent()) throw new StaleIndex(this.indexFile);
        this.#modseq = this.#kept = 0;
        const result = work();
        this.#recordStamps();
        if (this.#modseq !== this.#kept) this.account.setModseq(this.#modseq);
        return result;
      });
    } catch (error) {
      this.#hints.clear();
      this.#undoFrom(0);
      throw error;
    } finally {
      this.#touched.clear();
      this.#rootKnown = null;
      this.#undo = [];
    }
  }

  #runOne(operation: Operation): Outcome {
    const undoFrom = this.#undo.length;
    this.account.savepoint();
    try {
      const value = operation.run();
      this.account.release();
      return { value };
    } catch (error) {
      if (!this.db.inTransaction) throw error;
      this.account.rollback();
      this.#undoFrom(undoFrom);
      return { error: sqliteFault(error, this.indexFile) };
    }
  }

  #undoFrom(first: number): void {
    for (const step of this.#undo.splice(first).reverse()) {
      try {
        step();
      } catch (error) {
        this.log.warn({ err: error }, 'could not undo a file operation');
      }
    }
  }

  #setLevel(level: Synchronous): void {
    if (this.#level === level) return;
    setSynchronous(this.db, level);
    this.#level = level;
  }

  /** What is about to be committed waits for the log. docs/decisions/0026 */
  #oweLog(): void {
    if (this.#hasLostLog) {
      // What the disk did not take it may have forgotten, and nothing that is written behind it would count.
      checkpoint(this.db);
      this.#hasLostLog = false;
    }
    this.#owesLog = true;
    this.growCache();
  }

  /** Much is about to be written. */
  growCache(): void {
    if (this.#hasLargeCache) return;
    setCacheSize(this.db, largeCache);
    this.#hasLargeCache = true;
  }

  /** What must be on disk before the answer goes out. */
  takeLog(): WalFile | null {
    const owes = this.#owesLog;
    this.#owesLog = false;
    return owes ? this.#wal : null;
  }

  /** It could not be synced. */
  lostLog(): void {
    this.#hasLostLog = true;
  }

  /** Called when the transaction does not commit. */
  onUndo(step: () => void): void {
    this.#undo.push(step);
  }

  /** A folder that must be synced before the answer goes out. */
  syncLater(folder: string): void {
    this.#folders.add(folder);
  }

  takeFolders(): string[] {
    const folders = [...this.#folders];
    this.#folders.clear();
    return folders;
  }

  takeHints(): Hint[] {
    const hints = [...this.#hints].map(([mailbox, modseq]) => ({ mailbox, modseq }));
    this.#hints.clear();
    return hints;
  }

  /** A modification sequence above all given before. Inside a transaction. RFC 7162 3.1 */
  nextModseq(): number {
    const last = this.#modseq > 0 ? this.#modseq : this.#lastModseq();
    this.#modseq = this.#last = Math.max(last + 1, Date.now() * 1000);
    return this.#modseq;
  }

  /** Known from before unless another process has written since. */
  #lastModseq(): number {
    const version = dataVersion(this.db);
    if (version !== this.#version) {
      this.#version = version;
      this.#last = this.account.highestModseq();
    }
    return this.#last;
  }

  hint(mailbox: number | null, modseq: number): void {
    this.#hints.set(mailbox, modseq);
  }

  /** The list of mailboxes changed. Inside a transaction. */
  listChanged(): void {
    const modseq = this.nextModseq();
    this.account.setList(modseq);
    this.hint(null, modseq);
  }

  /**
   * Says that files in `new/` or `cur/` are about to be changed by us, so that this is not taken for another program's work.
   * @param onlyNew nothing is done in `cur/`
   */
  touch(mailbox: MailboxRecord, onlyNew = false): void {
    let touched = this.#touched.get(mailbox.id);
    if (touched === undefined) {
      const path = this.path(mailbox);
      touched = { path, isNewKnown: mailbox.newStamp === folderStamp(`${path}/new`), isCurKnown: null };
      this.#touched.set(mailbox.id, touched);
    }
    if (!onlyNew) touched.isCurKnown ??= mailbox.curStamp === folderStamp(`${touched.path}/cur`);
  }

  /** The same for the Maildir itself: folders and small files of ours in it. Inside a transaction. */
  touchRoot(): void {
    if (this.#rootKnown === null) this.#rootKnown = this.account.get().rootStamp === folderStamp(this.root);
  }

  #recordStamps(): void {
    if (this.#rootKnown === true) this.account.setRootStamp(folderStamp(this.root));
    for (const [id, { path, isNewKnown, isCurKnown }] of this.#touched) {
      if (!isNewKnown || isCurKnown === false) continue;
      const fresh = folderStamp(`${path}/new`);
      if (isCurKnown === null) this.mailboxes.setNewStamp(id, fresh, Date.now());
      else this.mailboxes.setStamps(id, fresh, folderStamp(`${path}/cur`), Date.now());
    }
  }

  /** @throws Fault noSuchMailbox */
  mailbox(id: number): MailboxRecord {
    const found = this.mailboxes.get(id);
    if (found === undefined) throw new Fault('noSuchMailbox', `mailbox ${id}`);
    return found;
  }

  /** @throws Fault noSuchMailbox */
  named(name: string): MailboxRecord {
    const found = this.mailboxes.find(name);
    if (found === undefined) throw new Fault('noSuchMailbox', name);
    return found;
  }

  /**
   * Draws `count` UIDs. The folder's synced file says first that they are taken, so that a commit lost with the power
   * never leads to one being given twice.
   */
  drawUids(mailbox: MailboxRecord, count: number, modseq: number): number {
    const first = mailbox.uidNext;
    const next = first + count;
    if (next > 0xffff_ffff) throw new Fault('unavailable', `${mailbox.name} has used up its UIDs`);
    if (next - 1 > mailbox.uidReserved) this.reserve(mailbox, Math.min(next + uidBlock, 0xffff_ffff));
    this.mailboxes.advance(mailbox.id, next, modseq);
    this.#kept = modseq;
    this.hint(mailbox.id, modseq);
    return first;
  }

  /** Writes the folder's file. */
  reserve(mailbox: MailboxRecord, reserved = mailbox.uidReserved): void {
    const { uidValidity, objectId, specialUse } = mailbox;
    if (mailbox.folder === '') this.touchRoot();
    const account = mailbox.folder === '' ? this.account.get() : null;
    const highest = account === null ? 0 : Math.max(uidValidity, account.uidValidity);
    const founded = account === null || account.founded === 1;
    writeMailboxFile(this.path(mailbox), { uidValidity, reserved, objectId, specialUse, highest, founded }, !this.isFounding);
    this.mailboxes.setReserved(mailbox.id, reserved);
  }

  /** Bits and names without a letter for flag names; new keywords get a letter while there are some. RFC 9051 2.3.2 */
  flagsOf(mailbox: MailboxRecord, names: readonly string[], create: boolean): { readonly bits: number; readonly more: string[] } {
    let bits = 0;
    const more: string[] = [];
    let known: string[] | null = null;
    for (const name of names) {
      const system = systemFlag(name);
      if (system !== null) bits |= flagBits[system];
      if (name.startsWith('\\')) continue;
      if (!/^[\x21-\x7e]{1,128}$/.test(name)) throw new Fault('badName', 'keyword');
      known ??= this.mailboxes.keywords(mailbox.id);
      const lower = name.toLowerCase();
      let letter = known.findIndex((one) => one.toLowerCase() === lower);
      if (letter === -1 && create && known.length < lettered) {
        // Another program may have named letters meanwhile.
        for (const [taken, theirs] of readKeywordFile(this.path(mailbox))) {
          if ((known[taken] ?? '') === '') this.mailboxes.addKeyword(mailbox.id, taken, theirs);
        }
        known = this.mailboxes.keywords(mailbox.id);
        letter = known.findIndex((one) => one.toLowerCase() === lower);
      }
      if (letter === -1 && create && known.length < lettered) {
        letter = known.length;
        known.push(name);
        if (mailbox.folder === '') this.touchRoot();
        writeKeywordFile(this.path(mailbox), known);
        this.mailboxes.addKeyword(mailbox.id, letter, name);
      }
      if (letter !== -1) bits |= 1 << (firstKeywordBit + letter);
      else if (!more.some((one) => one.toLowerCase() === lower)) more.push(name);
    }
    return { bits, more };
  }

  /** Makes the folder of a mailbox, synced but for its parent. */
  makeFolder(folder: string): void {
    const path = join(this.root, folder);
    for (const part of ['', 'tmp', 'new', 'cur']) mkdirSync(join(path, part), { recursive: true, mode: 0o700 });
    if (!this.isFounding) syncFolder(path);
  }

  /** All UIDs, flags and modseqs of a mailbox, in UID order. */
  view(id: number): { uids: Uint32Array; flags: Uint32Array; modseqs: Float64Array; highest: number } {
    return transaction(this.db, () => {
      const { modseq } = this.mailbox(id);
      return { ...columnsOf(this.messages.allFlags(id)), highest: modseq };
    });
  }

  /** Has the index keep that. */
  keepView(id: number): void {
    this.transaction(() => {
      const { modseq } = this.mailbox(id);
      if (this.keptViews.modseq(id) !== modseq) this.keptViews.put(id, modseq, packed(columnsOf(this.messages.allFlags(id))));
    }, 'NORMAL');
  }

  /** What changed in a mailbox since a modseq. */
  changes(id: number, since: number): LoadedChanges {
    return transaction(this.db, () => {
      const { uidNext, modseq, tombstoneFloor } = this.mailbox(id);
      return {
        uidNext,
        highestModSeq: modseq,
        changed: { ...columnsOf(this.messages.changedFlags(id, since)), more: this.messages.moreKeywords(id) },
        expunged: Uint32Array.from(this.tombstones.since(id, since)),
        complete: since >= tombstoneFloor,
      };
    });
  }

  /** Removes all rows of a mailbox. Inside a transaction. */
  forget(id: number): void {
    this.contents.removeOf(id);
    this.messages.removeAll(id);
    this.tombstones.removeAll(id);
    this.acls.removeAll(id);
    this.metadata.removeAll(id);
    this.keptViews.remove(id);
    this.mailboxes.remove(id);
    this.listChanged();
    this.hint(id, this.nextModseq());
  }
}
