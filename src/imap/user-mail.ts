import type { Log } from '../base/log.ts';
import type { DirectorySource } from '../directory/directory.ts';
import type { Sharing } from '../directory/sharing.ts';
import { Fault } from '../mail/fault.ts';
import { systemFlags } from '../mail/flags.ts';
import type { MailboxId, ModSeq, Uid, UidValidity } from '../mail/numbers.ts';
import { type Acl, allRights, rightsOf } from '../mail/rights.ts';
import type { SearchKey } from '../mail/search.ts';
import type { SortCriterion, SortItem } from '../mail/sort.ts';
import type {
  AccountStore,
  Annotation,
  Appended,
  AppendOptions,
  Changes,
  Column,
  Copied,
  FlagChange,
  MailAccount,
  Mailbox,
  MailboxSnapshot,
  MailboxStatus,
  MailStore,
  MessageFile,
  MessageRow,
  NewMessage,
  StoreResult,
} from '../store/store.ts';
import { copyAcross } from './copy-across.ts';
import { CodedFault } from './faults.ts';

/** Above the mailboxes of others: `Shared/bob@example.com/Lists`. RFC 2342 */
export const sharedPrefix = 'Shared/';
const sharedName = /^Shared\/([^/]+@[^/]+)(?:\/(.*))?$/;
/** Accounts of others that one session looks into. */
const mostOwners = 200;
/** Any of these lets a user know that a mailbox is there. RFC 4314 4 */
const telling = /[lrikxa]/;

export interface UserMailDeps {
  readonly store: MailStore;
  /** Without these there are no mailboxes of others. */
  readonly directory?: Pick<DirectorySource, 'account'>;
  readonly sharing?: Sharing;
  readonly stagingDir: string;
  readonly log?: Log;
}

/** A mailbox of somebody else, by name. */
interface Place {
  readonly store: AccountStore;
  /** In that account. */
  readonly name: string;
}

/**
 * The mail one user may reach: the account's own, and what others share, under one set of names. Rights are enforced here and
 * nowhere else: a command that asks for what is not granted gets a Fault, `noSuchMailbox` where even the name is hidden. RFC 4314
 */
export class UserMail implements AccountStore {
  readonly own: AccountStore;
  readonly #deps: UserMailDeps;
  readonly #others = new Map<string, AccountStore>();
  /** Mailboxes of others that a name or the list has led to. */
  readonly #places = new Map<MailboxId, AccountStore>();

  constructor(own: AccountStore, deps: UserMailDeps) {
    this.own = own;
    this.#deps = deps;
  }

  get account(): MailAccount {
    return this.own.account;
  }

  get user(): string {
    return this.own.account.address;
  }

  release(): void {
    for (const other of this.#others.values()) other.release();
    this.#others.clear();
    this.#places.clear();
    this.own.release();
  }

  /** Looks who shares something now. Before a command that may name a mailbox of others. */
  async freshen(): Promise<void> {
    const { directory, sharing, store, log } = this.#deps;
    if (directory === undefined || sharing === undefined) return;
    const { user } = this;
    const owners = sharing.owners([user, user.slice(user.lastIndexOf('@'))]);
    if (owners.length === 0 && this.#others.size === 0) return;
    const wanted = new Set(owners.filter((owner) => owner !== user && !owner.includes('/')).slice(0, mostOwners));
    for (const [owner, other] of this.#others) {
      if (wanted.has(owner)) continue;
      this.#others.delete(owner);
      for (const [id, place] of this.#places) if (place === other) this.#places.delete(id);
      other.release();
    }
    for (const owner of wanted) {
      if (this.#others.has(owner)) continue;
      const account = await directory.account(owner);
      if (account === null || !account.enabled) continue;
      const { id, address, home, quota } = account;
      try {
        this.#others.set(address, await store.open({ id, address, home, quota }));
      } catch (error) {
        // One account that cannot be opened hides nobody else's.
        if (!(error instanceof Fault)) throw error;
        log?.warn({ address: user, owner, kind: error.kind, detail: error.detail }, 'could not open an account that shares mailboxes');
      }
    }
  }

  /** What the user may do with a mailbox. */
  rights(id: MailboxId): string {
    const other = this.#places.get(id);
    return other === undefined ? allRights : rightsOf(other.acl(id), other.account.address, this.user);
  }

  /** Whose the mailbox is. */
  ownerOf(id: MailboxId): string {
    return (this.#places.get(id) ?? this.own).account.address;
  }

  isShared(id: MailboxId): boolean {
    return this.#places.has(id);
  }

  /** @throws Fault noPermission, noSuchMailbox */
  #in(id: MailboxId, needed: string): AccountStore {
    const other = this.#places.get(id);
    if (other === undefined) return this.own;
    if (other.get(id) === null) throw new Fault('noSuchMailbox', `${id}`);
    this.#require(this.rights(id), needed);
    return other;
  }

  #require(rights: string, needed: string): void {
    for (const right of needed) if (!rights.includes(right)) throw refusal(rights);
  }

  /** A name of somebody else: whose, and what it is called there. */
  route(name: string): { readonly owner: string; readonly rest: string } | null {
    if (this.#deps.sharing === undefined || !name.startsWith(sharedPrefix)) return null;
    const [, owner, rest] = sharedName.exec(name) ?? [];
    return owner === undefined ? null : { owner: owner.toLowerCase(), rest: rest ?? '' };
  }

  /** Remembers where the mailbox is. An id of our own cannot be taken by another account's. */
  #shown(other: AccountStore, mailbox: Mailbox): Mailbox | null {
    const known = this.#places.get(mailbox.id);
    if (known === undefined) {
      if (this.own.get(mailbox.id) !== null) return null;
      this.#places.set(mailbox.id, other);
    } else if (known !== other) return null;
    return { ...mailbox, name: `${sharedPrefix}${other.account.address}/${mailbox.name}`, specialUse: null };
  }

  #rightsIn(other: AccountStore, mailbox: Mailbox): string {
    return rightsOf(other.acl(mailbox.id), other.account.address, this.user);
  }

  list(): readonly Mailbox[] {
    const mine = this.own.list();
    if (this.#others.size === 0) return mine;
    const all = new Map(mine.map((one) => [one.name, one]));
    const above = (name: string): void => {
      if (!all.has(name)) all.set(name, { ...nowhere, name });
    };
    for (const other of this.#others.values()) {
      for (const mailbox of other.list()) {
        if (!mailbox.selectable || !this.#rightsIn(other, mailbox).includes('l')) continue;
        const shown = this.#shown(other, mailbox);
        if (shown === null) continue;
        all.set(shown.name, shown);
        for (let at = shown.name.lastIndexOf('/'); at > 0; at = shown.name.lastIndexOf('/', at - 1)) above(shown.name.slice(0, at));
      }
    }
    return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Mailbox | null {
    const place = this.route(name);
    if (place === null) return this.own.find(name);
    const other = this.#others.get(place.owner);
    const mailbox = other?.find(place.rest) ?? null;
    if (other === undefined || mailbox === null || !mailbox.selectable || !telling.test(this.#rightsIn(other, mailbox))) return null;
    return this.#shown(other, mailbox);
  }

  get(id: MailboxId): Mailbox | null {
    const other = this.#places.get(id);
    if (other === undefined) return this.own.get(id);
    const mailbox = other.get(id);
    return mailbox === null || !telling.test(this.rights(id)) ? null : this.#shown(other, mailbox);
  }

  /** Where a mailbox of somebody else would be made: only below one where that is granted. */
  #newPlace({ owner, rest }: { readonly owner: string; readonly rest: string }): Place {
    const other = this.#others.get(owner);
    if (other === undefined || rest === '') throw new Fault('noPermission');
    for (let at = rest.lastIndexOf('/'); at > 0; at = rest.lastIndexOf('/', at - 1)) {
      const parent = other.find(rest.slice(0, at));
      if (parent === null || !parent.selectable) continue;
      if (!this.#rightsIn(other, parent).includes('k')) break;
      return { store: other, name: rest };
    }
    throw new Fault('noPermission');
  }

  async create(name: string, specialUse: string | null = null): Promise<Mailbox> {
    const route = this.route(name);
    if (route === null) return this.own.create(name, specialUse);
    if (specialUse !== null) throw new Fault('noPermission');
    if (this.find(name) !== null) throw new Fault('mailboxExists', name);
    const place = this.#newPlace(route);
    // One that is hidden from the user.
    if (place.store.find(place.name)?.selectable) throw new Fault('noPermission');
    const made = await place.store.create(place.name);
    return this.#shown(place.store, made) ?? made;
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [this.route(from), this.route(to)];
    if (source === null && target === null) return this.own.rename(from, to);
    const found = this.find(from);
    if (found === null) throw new Fault('noSuchMailbox', from);
    if (source?.owner !== target?.owner) throw new Fault('unsupported', 'mailboxes stay in their account');
    const { store, name } = this.#newPlace(target!);
    const inner = source!.rest;
    for (const one of store.list()) {
      if (one.name !== inner && !one.name.startsWith(`${inner}/`)) continue;
      if (one.selectable) this.#require(this.#rightsIn(store, one), 'x');
    }
    if (/^inbox$/i.test(inner)) throw new Fault('noPermission');
    if (store.find(name)?.selectable) throw this.find(to) === null ? new Fault('noPermission') : new Fault('mailboxExists', to);
    await store.rename(inner, name);
  }

  async delete(name: string): Promise<void> {
    const route = this.route(name);
    if (route === null) return this.own.delete(name);
    const found = this.find(name);
    if (found === null) throw new Fault('noSuchMailbox', name);
    await this.#in(found.id, 'x').delete(route.rest);
  }

  /** The list of subscriptions is each user's own. */
  subscribe(name: string, subscribed: boolean): Promise<void> {
    return this.own.subscribe(name, subscribed);
  }

  subscriptions(): readonly string[] {
    return this.own.subscriptions();
  }

  async setSpecialUse(name: string, specialUse: string | null): Promise<void> {
    if (this.route(name) !== null) throw new Fault('noPermission');
    await this.own.setSpecialUse(name, specialUse);
  }

  status(id: MailboxId): MailboxStatus {
    return this.#in(id, 'r').status(id);
  }

  async refresh(id: MailboxId): Promise<void> {
    await this.#in(id, 'r').refresh(id);
  }

  snapshot(id: MailboxId): MailboxSnapshot {
    return this.#in(id, 'r').snapshot(id);
  }

  keywords(id: MailboxId): readonly string[] {
    return this.#in(id, 'r').keywords(id);
  }

  changes(id: MailboxId, since: ModSeq): Changes | Promise<Changes> {
    // Who may no longer read it sees it go.
    if (this.#places.has(id) && !this.rights(id).includes('r')) throw new Fault('noSuchMailbox', `${id}`);
    return this.#in(id, 'r').changes(id, since);
  }

  claimRecent(id: MailboxId): Promise<readonly [from: Uid, before: Uid]> {
    return this.#in(id, 'r').claimRecent(id);
  }

  firstRecent(id: MailboxId): Uid {
    return this.#in(id, 'r').firstRecent(id);
  }

  fetch(id: MailboxId, uids: ArrayLike<number>, columns: readonly Column[]): IterableIterator<readonly MessageRow[]> {
    return this.#in(id, 'r').fetch(id, uids, columns);
  }

  read(id: MailboxId, uids: Uint32Array): Promise<void> | undefined {
    return this.#in(id, 'r').read(id, uids);
  }

  async sortItems(id: MailboxId, uids: ArrayLike<number>, withText: boolean): Promise<readonly SortItem[]> {
    return this.#in(id, 'r').sortItems(id, uids, withText);
  }

  async sort(id: MailboxId, uids: Uint32Array, criteria: readonly SortCriterion[]): Promise<Uint32Array> {
    return this.#in(id, 'r').sort(id, uids, criteria);
  }

  async openMessage(id: MailboxId, uid: Uid): Promise<MessageFile> {
    return this.#in(id, 'r').openMessage(id, uid);
  }

  async search(id: MailboxId, key: SearchKey): Promise<Uint32Array> {
    return this.#in(id, 'r').search(id, key);
  }

  /** Where messages may be put, and what flags they may have there. */
  #target(name: string): Place & { readonly rights: string } {
    const route = this.route(name);
    if (route === null) return { store: this.own, name, rights: allRights };
    const found = this.find(name);
    const rights = found === null ? '' : this.rights(found.id);
    // As for a name that is not there. RFC 4314 6
    if (found === null || (!rights.includes('i') && !rights.includes('l'))) throw new CodedFault('noSuchMailbox', 'TRYCREATE', name);
    return { store: this.#in(found.id, 'i'), name: route.rest, rights };
  }

  async append(name: string, messages: readonly NewMessage[], options: AppendOptions = {}): Promise<readonly Appended[]> {
    const { store, name: inner, rights } = this.#target(name);
    const { replaces, ...others } = options;
    const from = replaces === undefined ? null : this.#in(replaces.id, 'te');
    const together = replaces !== undefined && from === store ? { replaces } : {};
    const stored = await (store === this.own
      ? store.append(inner, messages, { ...others, ...together })
      : store.append(
          inner,
          messages.map((message) => ({ ...message, flags: allowedFlags(message.flags, rights) })),
          together,
        ));
    // Accounts share no transaction: the new one is safe before the old one goes.
    if (replaces !== undefined && from !== store) await from!.expunge(replaces.id, [replaces.uid], true);
    return stored;
  }

  /** Flags that may not be touched stay as they are; none that may: a Fault. RFC 4314 4 (STORE) */
  async store(id: MailboxId, uids: ArrayLike<number>, change: FlagChange, unchangedSince?: ModSeq): Promise<StoreResult> {
    const rights = this.rights(id);
    const store = this.#in(id, 'r');
    if (/s/.test(rights) && /w/.test(rights) && /t/.test(rights)) return store.store(id, uids, change, unchangedSince);
    const flags = allowedFlags(change.flags, rights);
    if (change.op !== 'replace') {
      if (flags.length === 0) throw new Fault('noPermission');
      return store.store(id, uids, { op: change.op, flags }, unchangedSince);
    }
    if (!/[swt]/.test(rights)) throw new Fault('noPermission');
    const given = new Set(flags.map((flag) => flag.toLowerCase()));
    const more = [...store.snapshot(id).moreKeywords.values()].flat();
    const known = [...new Set([...systemFlags, ...store.keywords(id), ...more])].filter((flag) => flag !== '');
    const others = allowedFlags(known, rights).filter((flag) => !given.has(flag.toLowerCase()));
    const removed = await store.store(id, uids, { op: 'remove', flags: others }, unchangedSince);
    if (flags.length === 0) return removed;
    const added = await store.store(id, removed.rows.uids, { op: 'add', flags });
    return { rows: added.rows, modified: removed.modified };
  }

  async copy(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied> {
    const to = this.#target(target);
    const from = this.#in(id, 'r');
    if (from === to.store && ['s', 'w', 't'].every((right) => to.rights.includes(right))) return from.copy(id, uids, to.name);
    return copyAcross(from, id, uids, to.store, to.name, (flags) => allowedFlags(flags, to.rights), this.#deps.stagingDir);
  }

  /** RFC 6851 3 */
  async move(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied> {
    const to = this.#target(target);
    const from = this.#in(id, 'rte');
    if (from === to.store && ['s', 'w', 't'].every((right) => to.rights.includes(right))) return from.move(id, uids, to.name);
    const copied = await this.copy(id, uids, target);
    if (copied.sources.length > 0) await from.expunge(id, copied.sources, true);
    return copied;
  }

  async expunge(id: MailboxId, uids?: ArrayLike<number>, force = false): Promise<Uint32Array> {
    return this.#in(id, force ? 'te' : 'e').expunge(id, uids, force);
  }

  usage(): { readonly bytes: number; readonly messages: number } {
    return this.own.usage();
  }

  /** RFC 5464 3.3: `l` and one right of use. */
  metadata(id: MailboxId | null): readonly Annotation[] {
    if (id === null) return this.own.metadata(null);
    const store = this.#in(id, 'l');
    if (!/[rswip]/.test(this.rights(id))) throw new Fault('noPermission');
    return store.metadata(id);
  }

  async setMetadata(id: MailboxId | null, changes: Parameters<AccountStore['setMetadata']>[1]): Promise<void> {
    if (id === null) return this.own.setMetadata(null, changes);
    const store = this.#in(id, changes.some(({ user }) => user === '') ? 'lw' : 'l');
    if (!/[rswip]/.test(this.rights(id))) throw new Fault('noPermission');
    await store.setMetadata(id, changes);
  }

  acl(id: MailboxId): Acl {
    return this.#in(id, 'a').acl(id);
  }

  async setAcl(id: MailboxId, identifier: string, op: 'add' | 'remove' | 'replace' | 'forget', rights: string): Promise<void> {
    const store = this.#in(id, 'a');
    await store.setAcl(id, identifier, op, rights);
    const owner = store.account.address;
    const named = store.aclIdentifiers().filter((one) => !one.startsWith('-'));
    this.#deps.sharing?.publish(
      owner,
      named.map((one) => (one.includes('@') ? one : owner.slice(owner.lastIndexOf('@')))),
    );
  }

  aclIdentifiers(): readonly string[] {
    return this.own.aclIdentifiers();
  }

  watch(id: MailboxId | null, listener: () => void): () => void {
    if (id !== null) return this.#in(id, 'r').watch(id, listener);
    const stops = [this.own, ...this.#others.values()].map((mail) => mail.watch(null, listener));
    return () => {
      for (const stop of stops) stop();
    };
  }
}

const nowhere = { id: 0 as MailboxId, uidValidity: 0 as UidValidity, mailboxId: '', specialUse: null, selectable: false } as const;

/** Without `l` not even existence may be told. RFC 4314 6 */
const refusal = (rights: string): Fault => new Fault(rights.includes('l') ? 'noPermission' : 'noSuchMailbox');

/** Those that may be set or taken: `s` for \Seen, `t` for \Deleted, `w` for all others. RFC 4314 4 */
export function allowedFlags(flags: readonly string[], rights: string): string[] {
  return flags.filter((flag) => {
    const lower = flag.toLowerCase();
    return rights.includes(lower === '\\seen' ? 's' : lower === '\\deleted' ? 't' : 'w');
  });
}
