import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { Fault } from '../mail/fault.ts';
import { deleted } from '../mail/flags.ts';
import type { SortKeys } from '../mail/mime/part.ts';
import type { MailboxId, ModSeq, Uid, UidValidity } from '../mail/numbers.ts';
import type { Acl } from '../mail/rights.ts';
import type { SearchKey } from '../mail/search.ts';
import type { SortCriterion, SortItem } from '../mail/sort.ts';
import { appendRequest } from './append-request.ts';
import { fetchRows, readStep } from './fetch.ts';
import { isOwn, placeOf } from './files/name.ts';
import { canonicalName } from './files/paths.ts';
import { folderStamp } from './files/stamp.ts';
import { Freshness } from './freshness.ts';
import { KeptViews } from './kept-view.ts';
import { MailboxKeys } from './keys.ts';
import { LastAppends } from './last-append.ts';
import { MailboxList, mailboxOf } from './mailbox-list.ts';
import { openFile } from './message-file.ts';
import type { CommandName, Commands } from './protocol.ts';
import type { Reader } from './reader.ts';
import { searchMailbox } from './search.ts';
import type { StoreSettings } from './settings.ts';
import { SortOrders } from './sort-orders.ts';
import type {
  AccountStore,
  Annotation,
  Appended,
  AppendOptions,
  ChangeFeed,
  Changes,
  Column,
  Copied,
  FlagChange,
  FlagRows,
  MailAccount,
  Mailbox,
  MailboxSnapshot,
  MailboxStatus,
  MessageFile,
  MessageRow,
  NewMessage,
  StoreResult,
} from './store.ts';
import type { MailboxRecord } from './tables/mailbox.ts';
import type { StoreThreads } from './threads.ts';
import { View } from './view.ts';
import { watchFolder } from './watcher.ts';
import type { LoadedChanges } from './writer/account-writer.ts';
import type { CopiedTo } from './writer/copy.ts';
import type { FlagColumns } from './writer/flags.ts';

/** A mailbox of more messages is read by a store thread when it is first selected. */
const loadOffLoop = 20_000;
/** So many changes are read by a store thread. */
const manyChanges = 2000;

export interface AccountDeps {
  readonly settings: StoreSettings;
  readonly threads: StoreThreads;
  readonly feed: ChangeFeed;
  readonly log: Log;
  /** The loop's connection to the index, open now. */
  readonly reader: () => Reader;
  readonly onRelease: () => void;
}

/** One account as the sessions of this process see it. */
export class Account implements AccountStore {
  account: MailAccount;
  readonly #deps: AccountDeps;
  readonly #root: string;
  readonly #views = new Map<number, View>();
  readonly #list = new MailboxList();
  readonly #keys = new Map<number, MailboxKeys>();
  readonly #orders = new Map<number, SortOrders>();
  readonly #appends = new LastAppends();
  readonly #freshness: Freshness;
  readonly #kept: KeptViews;
  readonly #watches = new Map<number, { readonly listeners: Set<(modseq: number) => void>; readonly stop: () => void }>();

  constructor(account: MailAccount, deps: AccountDeps) {
    this.account = account;
    this.#deps = deps;
    this.#root = join(account.home, deps.settings.maildir);
    this.#kept = new KeptViews((mailbox) => this.#call('keep', { mailbox }), deps.log);
    this.#freshness = new Freshness(this.#root, (mailbox, missing, unless) => this.#call('scan', { mailbox, missing, unless }), deps.log);
  }

  release(): void {
    this.#deps.onRelease();
  }

  /** Forgets what is kept in memory. */
  forget(): void {
    this.#views.clear();
    this.#list.forget();
    this.#appends.clear();
    this.#dropKeys();
  }

  close(): void {
    this.#kept.close();
    this.#freshness.close();
    for (const { stop } of this.#watches.values()) stop();
    this.#watches.clear();
    this.forget();
  }

  #dropKeys(): void {
    for (const keys of this.#keys.values()) keys.clear();
    this.#keys.clear();
    this.#orders.clear();
  }

  #call<N extends CommandName>(
    command: N,
    request: Commands[N]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<Commands[N]['result']> {
    return this.#deps.threads.call(this.account, command, request, transfer);
  }

  get #reader(): Reader {
    return this.#deps.reader();
  }

  list(): readonly Mailbox[] {
    return this.#list.of(this.#reader);
  }

  find(name: string): Mailbox | null {
    const record = this.#reader.named(canonicalName(name));
    return record === undefined ? null : mailboxOf(record);
  }

  get(id: MailboxId): Mailbox | null {
    const record = this.#reader.find(id);
    return record === undefined ? null : mailboxOf(record);
  }

  async create(name: string, specialUse: string | null = null): Promise<Mailbox> {
    return this.#known(await this.#call('create', { name, specialUse }));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', { from, to });
  }

  async delete(name: string): Promise<void> {
    await this.#call('delete', { name });
  }

  async subscribe(name: string, subscribed: boolean): Promise<void> {
    await this.#call('subscribe', { name, subscribed });
  }

  subscriptions(): readonly string[] {
    return [...this.#reader.subscribed()];
  }

  async setSpecialUse(name: string, specialUse: string | null): Promise<void> {
    await this.#call('setSpecialUse', { name, specialUse });
  }

  status(id: MailboxId): MailboxStatus {
    const reader = this.#reader;
    const record = reader.mailbox(id);
    return {
      messages: record.messages,
      unseen: record.unseen,
      recent: record.firstRecent >= record.uidNext ? 0 : reader.messages.countFrom(id, record.firstRecent),
      deleted: record.deleted,
      size: record.bytes,
      deletedSize: record.deletedBytes,
      uidNext: record.uidNext as Uid,
      uidValidity: record.uidValidity as UidValidity,
      highestModSeq: record.modseq as ModSeq,
    };
  }

  async refresh(id: MailboxId): Promise<void> {
    await this.#refreshList();
    const record = this.#reader.mailbox(id);
    await this.#catchUp(record);
    await this.#freshness.check(record);
    // What the folder brought.
    await this.#catchUp(this.#reader.mailbox(id));
  }

  /** Has a store thread read what the view of a mailbox lacks, where that is much. */
  async #catchUp({ id, messages, modseq }: MailboxRecord): Promise<void> {
    const view = this.#view(id);
    if (view.isCold) this.#kept.begin(view, this.#reader, id, messages);
    const isFar = view.isCold ? messages > loadOffLoop : modseq > view.highest && this.#hasMany(id, view.highest);
    if (!isFar) return;
    view.fill(await this.#call('load', { mailbox: id }));
    this.#kept.renew(this.#reader, id, messages);
  }

  /** Whether more changed, or went, than the loop should read. */
  #hasMany(id: number, since: number): boolean {
    const { messages, tombstones } = this.#reader;
    return messages.hasChanged(id, since, manyChanges) || tombstones.hasMore(id, since, manyChanges);
  }

  /** Folders made or taken away by other programs. */
  async #refreshList(): Promise<void> {
    if (folderStamp(this.#root) === this.#reader.account.get().rootStamp) return;
    await this.#call('scan', { mailbox: null, missing: [] });
  }

  #view(id: number): View {
    let view = this.#views.get(id);
    if (view === undefined) {
      view = new View();
      this.#views.set(id, view);
    }
    return view;
  }

  snapshot(id: MailboxId): MailboxSnapshot {
    return this.#view(id).snapshot(this.#reader, id);
  }

  keywords(id: MailboxId): readonly string[] {
    const reader = this.#reader;
    reader.mailbox(id);
    return reader.keywords(id).map((name, letter) => (name === '' ? `keyword-${String.fromCharCode(97 + letter)}` : name));
  }

  changes(id: MailboxId, since: ModSeq): Changes | Promise<Changes> {
    const reader = this.#reader;
    const { modseq, uidNext } = reader.mailbox(id);
    if (modseq === since) return { uidNext: uidNext as Uid, highestModSeq: since, changed: noRows, expunged: noUids, complete: true };
    const appended = this.#appends.changes(id, since, modseq);
    if (appended !== null) return appended;
    if (modseq > since && this.#hasMany(id, since)) return this.#manyChanges(id, since);
    return reader.atOnce(() => {
      const record = reader.mailboxes.get(id) ?? reader.mailbox(id);
      const more = reader.messages.hasMoreKeywords(id);
      const changed = reader.messages.changedSince(id, since);
      return {
        uidNext: record.uidNext as Uid,
        highestModSeq: record.modseq as ModSeq,
        changed: {
          uids: Uint32Array.from(changed, ({ uid }) => uid),
          flags: Uint32Array.from(changed, ({ flags }) => flags),
          modSeqs: Float64Array.from(changed, ({ modseq }) => modseq),
          moreKeywords: more ? new Map(changed.map(({ uid }) => [uid, reader.messages.moreKeywordsOf(id, uid)])) : none,
        },
        expunged: Uint32Array.from(reader.tombstones.since(id, since)),
        complete: since >= record.tombstoneFloor,
      };
    });
  }

  async #manyChanges(id: MailboxId, since: ModSeq): Promise<Changes> {
    const { changed, ...rest } = await this.#call('changes', { mailbox: id, since });
    return {
      ...rest,
      uidNext: rest.uidNext as Uid,
      highestModSeq: rest.highestModSeq as ModSeq,
      changed: flagRows(changed),
    };
  }

  async claimRecent(id: MailboxId): Promise<readonly [from: Uid, before: Uid]> {
    const { firstRecent, uidNext } = this.#reader.mailbox(id);
    if (firstRecent === uidNext) return [uidNext as Uid, uidNext as Uid];
    return (await this.#call('claimRecent', { mailbox: id })) as readonly [Uid, Uid];
  }

  firstRecent(id: MailboxId): Uid {
    return this.#reader.mailbox(id).firstRecent as Uid;
  }

  fetch(id: MailboxId, uids: ArrayLike<number>, columns: readonly Column[]): IterableIterator<readonly MessageRow[]> {
    return fetchRows(() => this.#reader, this.#root, id, uids, columns);
  }

  read(id: MailboxId, uids: Uint32Array): Promise<void> | undefined {
    const reader = this.#reader;
    reader.mailbox(id);
    const first = reader.firstUnread(id);
    // A view of an array would take the whole of it along to the other thread.
    return first !== null && uids.some((uid) => uid >= first) ? this.#call('read', { mailbox: id, uids: uids.slice() }) : undefined;
  }

  async openMessage(id: MailboxId, uid: Uid): Promise<MessageFile> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const reader = this.#reader;
      const mailbox = reader.mailbox(id);
      const row = reader.messages.get(id, uid);
      if (row === undefined || !isOwn(mailbox, row)) {
        // Expunged; or damaged where SQLite does not notice it.
        if (row === undefined && (attempt > 0 || reader.tombstones.has(id, uid) !== undefined)) throw new Fault('expunged', `${uid}`);
        await this.#mend();
        continue;
      }
      // A rename that follows an answer may be done before its row says so.
      const places = [row.origin ?? join(mailbox.folder, row.file), join(mailbox.folder, placeOf(row.file, row.flags))];
      for (const place of places) {
        const file = openFile(join(this.#root, place));
        if (file !== null) return file;
      }
      await this.#call('scan', { mailbox: id, missing: [] });
    }
    throw new Fault('expunged', `file of ${uid} is missing`);
  }

  async #mend(): Promise<void> {
    await this.#call('mend', { broken: null });
    this.#reader.suspect();
  }

  async search(id: MailboxId, key: SearchKey): Promise<Uint32Array> {
    const reader = () => this.#reader;
    await this.#catchUp(this.#reader.mailbox(id));
    return searchMailbox(this, this.#reader.mailbox(id).id as MailboxId, key, {
      reader,
      keys: () => this.#keysOf(id),
      look: (uids, question) => this.#call('look', { mailbox: id, uids: uids.slice(), question }),
    });
  }

  async sortItems(id: MailboxId, uids: ArrayLike<number>, withText: boolean): Promise<readonly SortItem[]> {
    this.#reader.mailbox(id);
    return this.#keysOf(id).items(uids, withText);
  }

  async sort(id: MailboxId, uids: Uint32Array, criteria: readonly SortCriterion[]): Promise<Uint32Array> {
    this.#reader.mailbox(id);
    this.#keysOf(id);
    return this.#orders.get(id)!.sort(uids, criteria);
  }

  #keysOf(id: MailboxId): MailboxKeys {
    let keys = this.#keys.get(id);
    if (keys === undefined) {
      const look = async (uids: readonly number[]): Promise<SortItem[]> => {
        for (let at = 0; at < uids.length; at += readStep) await this.read(id, Uint32Array.from(uids.slice(at, at + readStep)));
        return [...this.fetch(id, uids, ['sortKeys'])].flatMap((rows) =>
          rows.flatMap(({ uid, internalDate, size, sortKeys }) =>
            sortKeys === undefined ? [] : [{ uid, internalDate, size, keys: JSON.parse(sortKeys) as SortKeys }],
          ),
        );
      };
      keys = new MailboxKeys(() => this.#reader, id, look);
      this.#keys.set(id, keys);
      this.#orders.set(id, new SortOrders(keys));
    }
    return keys;
  }

  async append(mailbox: string, messages: readonly NewMessage[], options: AppendOptions = {}): Promise<readonly Appended[]> {
    const { request, transfer } = appendRequest(mailbox, messages, this.account.quota, options);
    const appended = await this.#call('append', request, transfer);
    const { mailbox: id, uids, modseqs, recent } = appended;
    this.#appends.learn(appended);
    const known = this.#known(id);
    return uids.map((uid, i) => ({ mailbox: known, uid: uid as Uid, modSeq: modseqs[i]! as ModSeq, recent }));
  }

  async store(id: MailboxId, uids: ArrayLike<number>, change: FlagChange, unchangedSince?: ModSeq): Promise<StoreResult> {
    const request = { mailbox: id, uids: Uint32Array.from(uids), change, unchangedSince: unchangedSince ?? null };
    const result = await this.#call('store', request);
    this.#views.get(id)?.learn(result);
    return {
      rows: flagRows(result),
      modified: result.modified,
      known: { before: result.before as ModSeq, after: result.after as ModSeq },
    };
  }

  async copy(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied> {
    return this.#copied(await this.#call('copy', { mailbox: id, uids: Uint32Array.from(uids), target, quota: this.account.quota }));
  }

  async move(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied> {
    return this.#copied(await this.#call('move', { mailbox: id, uids: Uint32Array.from(uids), target, quota: 0 }));
  }

  #copied({ target, sources, targets }: CopiedTo): Copied {
    return { target: this.#known(target), sources, targets };
  }

  #known(id: number): Mailbox {
    const found = this.get(id as MailboxId);
    if (found === null) throw new Fault('noSuchMailbox', `mailbox ${id}`);
    return found;
  }

  async expunge(id: MailboxId, uids?: ArrayLike<number>, force = false): Promise<Uint32Array> {
    const request = { mailbox: id, uids: uids === undefined ? await this.#deleted(id) : Uint32Array.from(uids), force };
    return this.#call('expunge', request);
  }

  /** By the view: the rows of all messages would be read for it. */
  async #deleted(id: MailboxId): Promise<Uint32Array> {
    await this.#catchUp(this.#reader.mailbox(id));
    return this.#view(id).withFlag(this.#reader, id, deleted);
  }

  usage(): { readonly bytes: number; readonly messages: number } {
    return this.#reader.account.usage();
  }

  metadata(id: MailboxId | null): readonly Annotation[] {
    return this.#reader.metadata.of(id ?? 0);
  }

  async setMetadata(id: MailboxId | null, changes: Parameters<AccountStore['setMetadata']>[1]): Promise<void> {
    await this.#call('setMetadata', { mailbox: id, changes });
  }

  acl(id: MailboxId): Acl {
    return this.#reader.acls.of(id);
  }

  async setAcl(id: MailboxId, identifier: string, op: 'add' | 'remove' | 'replace' | 'forget', rights: string): Promise<void> {
    await this.#call('setAcl', { mailbox: id, identifier, op, rights });
  }

  aclIdentifiers(): readonly string[] {
    return this.#reader.acls.identifiers();
  }

  watch(id: MailboxId | null, listener: () => void): () => void {
    const reader = this.#reader;
    let heard = id === null ? reader.account.get().listModseq : reader.mailbox(id).modseq;
    const tell = (modseq: number): void => {
      if (modseq <= heard) return;
      heard = modseq;
      listener();
    };
    const unsubscribe = this.#deps.feed.subscribe(this.account.address, (hint) => {
      if (hint.mailbox === id) tell(hint.modSeq);
    });
    const unwatch = id === null ? null : this.#watchFolder(id, tell);
    return () => {
      unsubscribe();
      unwatch?.();
    };
  }

  /** Other programs: changes of theirs become rows, and so hints, when the folder is looked at. Other processes of ours: their rows are there. */
  #watchFolder(id: MailboxId, tell: (modseq: number) => void): () => void {
    let watch = this.#watches.get(id);
    if (watch === undefined) {
      const stop = watchFolder(join(this.#root, this.#reader.mailbox(id).folder), () => void this.#look(id));
      watch = { listeners: new Set(), stop };
      this.#watches.set(id, watch);
    }
    const { listeners, stop } = watch;
    listeners.add(tell);
    return () => {
      listeners.delete(tell);
      if (listeners.size > 0 || this.#watches.get(id)?.listeners !== listeners) return;
      stop();
      this.#watches.delete(id);
    };
  }

  async #look(id: MailboxId): Promise<void> {
    try {
      await this.refresh(id);
      const { modseq } = this.#reader.mailbox(id);
      for (const tell of Array.from(this.#watches.get(id)?.listeners ?? [])) tell(modseq);
    } catch (error) {
      if (!(error instanceof Fault)) this.#deps.log.error({ err: error }, 'could not look at a watched folder');
    }
  }
}

const noUids = new Uint32Array(0);
const none: FlagRows['moreKeywords'] = new Map();
const noRows: FlagRows = { uids: noUids, flags: noUids, modSeqs: new Float64Array(0), moreKeywords: none };

const flagRows = ({ uids, flags, modseqs, more }: LoadedChanges['changed'] | FlagColumns): FlagRows => ({
  uids,
  flags,
  modSeqs: modseqs,
  moreKeywords: more,
});
