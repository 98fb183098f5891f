import { readFileSync } from 'node:fs';
import { atOnce } from '../../src/base/slices.ts';
import type { Staged } from '../../src/base/staging.ts';
import { Fault } from '../../src/mail/fault.ts';
import { deleted, firstKeywordBit, flagBits, lettered, type SystemFlag, seen } from '../../src/mail/flags.ts';
import { shownDay } from '../../src/mail/local-time.ts';
import { messageFacts } from '../../src/mail/mime/facts.ts';
import type { MessageFacts, Part, SortKeys } from '../../src/mail/mime/part.ts';
import type { MailboxId, ModSeq, Uid, UidValidity } from '../../src/mail/numbers.ts';
import { addRights, removeRights } from '../../src/mail/rights.ts';
import type { SearchKey } from '../../src/mail/search.ts';
import { type SortCriterion, sortedUids } from '../../src/mail/sort.ts';
import type {
  AccountStore,
  Annotation,
  Appended,
  AppendOptions,
  ChangeHint,
  Copied,
  FlagChange,
  FlagRow,
  FlagRows,
  MailAccount,
  Mailbox,
  MailStore,
  MessageRow,
  NewMessage,
} from '../../src/store/store.ts';

interface Message {
  uid: Uid;
  flags: number;
  modSeq: ModSeq;
  readonly bytes: Buffer;
  readonly facts: MessageFacts;
  readonly internalDate: number;
  readonly zone: number | null;
  readonly saveDate: number;
  readonly emailId: string;
}

interface Box {
  mailbox: Mailbox;
  messages: Message[];
  keywords: string[];
  uidNext: Uid;
  modSeq: ModSeq;
  recentFrom: Uid;
  gone: { uid: Uid; modSeq: ModSeq }[];
}

/** A MailStore that forgets, for tests of the protocols: small, slow and plain. */
export function memoryStore(): MailStore {
  const accounts = new Map<string, MemoryAccount>();
  const open = (account: MailAccount): MemoryAccount => {
    let found = accounts.get(account.address);
    if (found === undefined) {
      found = new MemoryAccount(account);
      accounts.set(account.address, found);
    }
    return found;
  };
  return {
    open: async (account) => open(account),
    async deliver(account, mailbox, messages) {
      await open(account).append(mailbox, messages, { autocreate: true });
    },
    async close() {},
  };
}

let ids = 0;

export class MemoryAccount implements AccountStore {
  readonly account: MailAccount;
  readonly #boxes = new Map<MailboxId, Box>();
  readonly #subscribed = new Set<string>();
  readonly #watchers = new Map<number | null, Set<() => void>>();
  #uidValidity = 1000;
  #clock = 1_700_000_000_000_000;

  constructor(account: MailAccount) {
    this.account = account;
    this.#make('INBOX', null);
  }

  release(): void {}

  list(): readonly Mailbox[] {
    return [...this.#boxes.values()].map(({ mailbox }) => mailbox).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Mailbox | null {
    return this.list().find((one) => one.name === name) ?? null;
  }

  get(id: MailboxId): Mailbox | null {
    return this.#boxes.get(id)?.mailbox ?? null;
  }

  async create(name: string, specialUse: string | null = null): Promise<Mailbox> {
    if (name === '' || name.startsWith('/') || name.endsWith('/') || name.includes('//')) throw new Fault('badName', 'levels');
    const there = this.find(name);
    if (there?.selectable) throw new Fault('mailboxExists', name);
    if (there !== null) {
      const box = this.#boxes.get(there.id)!;
      box.mailbox = { ...box.mailbox, selectable: true };
      return box.mailbox;
    }
    const levels = name.split('/');
    for (let n = 1; n < levels.length; n++) {
      const above = levels.slice(0, n).join('/');
      if (this.find(above) === null) this.#make(above, null);
    }
    const made = this.#make(name, specialUse);
    this.#hint(null);
    return made;
  }

  async rename(from: string, to: string): Promise<void> {
    const box = this.#byName(from);
    if (this.find(to) !== null) throw new Fault('mailboxExists', to);
    if (to.startsWith(`${from}/`)) throw new Fault('badName', 'into itself');
    if (from === 'INBOX') {
      const made = await this.create(to);
      const uids = box.messages.map((m) => m.uid);
      if (uids.length > 0) await this.move(box.mailbox.id, uids, made.name);
      return;
    }
    for (const other of this.#boxes.values()) {
      const { name } = other.mailbox;
      if (name === from || name.startsWith(`${from}/`)) other.mailbox = { ...other.mailbox, name: `${to}${name.slice(from.length)}` };
    }
    const levels = to.split('/');
    for (let n = 1; n < levels.length; n++) {
      const above = levels.slice(0, n).join('/');
      if (this.find(above) === null) this.#make(above, null);
    }
    this.#hint(null);
  }

  async delete(name: string): Promise<void> {
    const box = this.#byName(name);
    const children = [...this.#boxes.values()].some((other) => other.mailbox.name.startsWith(`${name}/`));
    if (children && !box.mailbox.selectable) throw new Fault('inUse', 'has children');
    this.#boxes.delete(box.mailbox.id);
    if (children) {
      const id = ++ids as MailboxId;
      this.#boxes.set(id, { ...box, mailbox: { ...box.mailbox, id, selectable: false }, messages: [] });
    }
    this.#hint(box.mailbox.id);
    this.#hint(null);
  }

  async subscribe(name: string, subscribed: boolean): Promise<void> {
    if (subscribed) this.#subscribed.add(name);
    else this.#subscribed.delete(name);
  }

  subscriptions(): readonly string[] {
    return [...this.#subscribed].sort();
  }

  async setSpecialUse(name: string, specialUse: string | null): Promise<void> {
    const box = this.#byName(name);
    box.mailbox = { ...box.mailbox, specialUse };
  }

  status(id: MailboxId) {
    const box = this.#box(id);
    const count = (test: (m: Message) => boolean) => box.messages.filter(test).length;
    const size = (all: Message[]) => all.reduce((sum, m) => sum + m.facts.virtualSize, 0);
    return {
      messages: box.messages.length,
      unseen: count((m) => (m.flags & seen) === 0),
      recent: count((m) => m.uid >= box.recentFrom),
      deleted: count((m) => (m.flags & deleted) !== 0),
      size: size(box.messages),
      deletedSize: size(box.messages.filter((m) => (m.flags & deleted) !== 0)),
      uidNext: box.uidNext,
      uidValidity: box.mailbox.uidValidity,
      highestModSeq: box.modSeq,
    };
  }

  async refresh(): Promise<void> {}

  snapshot(id: MailboxId) {
    const box = this.#box(id);
    return {
      uidValidity: box.mailbox.uidValidity,
      uidNext: box.uidNext,
      highestModSeq: box.modSeq,
      ...rowsOf(box.messages),
    };
  }

  keywords(id: MailboxId): readonly string[] {
    return this.#box(id).keywords;
  }

  changes(id: MailboxId, since: ModSeq) {
    const box = this.#box(id);
    return {
      uidNext: box.uidNext,
      highestModSeq: box.modSeq,
      changed: rowsOf(box.messages.filter((m) => m.modSeq > since)),
      expunged: Uint32Array.from(
        box.gone.filter((g) => g.modSeq > since),
        (g) => g.uid,
      ).sort(),
      complete: true,
    };
  }

  async claimRecent(id: MailboxId): Promise<readonly [from: Uid, before: Uid]> {
    const box = this.#box(id);
    const from = box.recentFrom;
    box.recentFrom = box.uidNext;
    return [from, box.uidNext];
  }

  firstRecent(id: MailboxId): Uid {
    return this.#box(id).recentFrom;
  }

  read(): undefined {}

  *fetch(id: MailboxId, uids: ArrayLike<number>): IterableIterator<readonly MessageRow[]> {
    const all = this.#pick(this.#box(id), uids);
    for (let i = 0; i < all.length; i += 100) yield all.slice(i, i + 100).map(messageRow);
  }

  async sortItems(id: MailboxId, uids: ArrayLike<number>) {
    return [...this.fetch(id, uids)].flatMap((rows) =>
      rows.map(({ uid, internalDate, size, sortKeys }) => ({ uid, internalDate, size, keys: JSON.parse(sortKeys!) as SortKeys })),
    );
  }

  async sort(id: MailboxId, uids: Uint32Array, criteria: readonly SortCriterion[]) {
    return atOnce(sortedUids(await this.sortItems(id, uids), criteria));
  }

  async openMessage(id: MailboxId, uid: Uid) {
    const message = this.#box(id).messages.find((m) => m.uid === uid);
    if (message === undefined) throw new Fault('expunged', `${uid}`);
    const { bytes } = message;
    return {
      size: bytes.length,
      readSync: (position: number, length: number) => bytes.subarray(position, position + length),
      read: async (position: number, length: number) => bytes.subarray(position, position + length),
      readInto: async (room: Buffer, position: number) => bytes.copy(room, 0, position),
      close() {},
    };
  }

  async search(id: MailboxId, key: SearchKey): Promise<Uint32Array> {
    const box = this.#box(id);
    return Uint32Array.from(box.messages.filter((m) => matches(box, m, key)).map((m) => m.uid));
  }

  async append(name: string, messages: readonly NewMessage[], options: AppendOptions = {}): Promise<readonly Appended[]> {
    if (this.find(name) === null && options.autocreate) await this.create(name);
    const box = this.#byName(name);
    const size = messages.reduce((sum, one) => sum + one.message.size, 0);
    if (this.account.quota > 0 && this.usage().bytes + size > this.account.quota) throw new Fault('overQuota');
    const modSeq = this.#tick(box);
    const made = messages.map(({ message, prefix, flags, internalDate, zone }) => {
      const bytes = Buffer.concat([prefix ?? Buffer.alloc(0), content(message)]);
      const uid = box.uidNext;
      box.uidNext = (uid + 1) as Uid;
      const now = Date.now();
      box.messages.push({
        uid,
        flags: bitsOf(box, flags),
        modSeq,
        bytes,
        facts: messageFacts(bytes),
        internalDate: internalDate ?? now,
        zone: zone ?? null,
        saveDate: now,
        emailId: `M${++ids}`,
      });
      return { mailbox: box.mailbox, uid, modSeq, recent: false };
    });
    this.#hint(box.mailbox.id);
    if (options.replaces !== undefined) await this.expunge(options.replaces.id, [options.replaces.uid], true);
    return made;
  }

  async store(id: MailboxId, uids: ArrayLike<number>, change: FlagChange, unchangedSince?: ModSeq) {
    const box = this.#box(id);
    const bits = bitsOf(box, change.flags);
    const changed: Message[] = [];
    const modified: Uid[] = [];
    const modSeq = this.#tick(box);
    for (const message of this.#pick(box, uids)) {
      if (unchangedSince !== undefined && message.modSeq > unchangedSince) {
        modified.push(message.uid);
        continue;
      }
      const now = change.op === 'add' ? message.flags | bits : change.op === 'remove' ? message.flags & ~bits : bits;
      if (now !== message.flags) {
        message.flags = now;
        message.modSeq = modSeq;
      }
      changed.push(message);
    }
    this.#hint(id);
    return { rows: rowsOf(changed), modified: Uint32Array.from(modified) };
  }

  async copy(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied> {
    const from = this.#box(id);
    const to = this.#byName(target);
    const modSeq = this.#tick(to);
    const sources = this.#pick(from, uids);
    const targets = sources.map((message) => {
      const uid = to.uidNext;
      to.uidNext = (uid + 1) as Uid;
      const names = namesOf(from, message.flags);
      to.messages.push({ ...message, uid, modSeq, flags: bitsOf(to, names), saveDate: Date.now() });
      return uid;
    });
    this.#hint(to.mailbox.id);
    return { target: to.mailbox, sources: Uint32Array.from(sources, (m) => m.uid), targets: Uint32Array.from(targets) };
  }

  async move(id: MailboxId, uids: ArrayLike<number>, target: string): Promise<Copied> {
    const copied = await this.copy(id, uids, target);
    await this.expunge(id, copied.sources, true);
    return copied;
  }

  async expunge(id: MailboxId, uids?: ArrayLike<number>, force = false): Promise<Uint32Array> {
    const box = this.#box(id);
    const named = uids === undefined ? null : new Set(Array.from(uids));
    const gone = box.messages.filter((m) => (named === null || named.has(m.uid)) && (force || (m.flags & deleted) !== 0));
    if (gone.length === 0) return new Uint32Array(0);
    const modSeq = this.#tick(box);
    box.messages = box.messages.filter((m) => !gone.includes(m));
    for (const { uid } of gone) box.gone.push({ uid, modSeq });
    this.#hint(id);
    return Uint32Array.from(gone, (m) => m.uid);
  }

  usage() {
    const all = [...this.#boxes.values()].flatMap((box) => box.messages);
    return { bytes: all.reduce((sum, m) => sum + m.bytes.length, 0), messages: all.length };
  }

  readonly #metadata = new Map<number, Annotation[]>();
  readonly #acls = new Map<MailboxId, Map<string, string>>();

  metadata(id: MailboxId | null): readonly Annotation[] {
    return this.#metadata.get(id ?? 0) ?? [];
  }

  async setMetadata(id: MailboxId | null, changes: Parameters<AccountStore['setMetadata']>[1]): Promise<void> {
    let rows = [...this.metadata(id)];
    for (const { user, entry, value } of changes) {
      rows = rows.filter((row) => row.user !== user || row.entry !== entry);
      if (value !== null) rows.push({ user, entry, value });
    }
    this.#metadata.set(id ?? 0, rows);
  }

  acl(id: MailboxId): ReadonlyMap<string, string> {
    return this.#acls.get(id) ?? new Map();
  }

  async setAcl(id: MailboxId, identifier: string, op: 'add' | 'remove' | 'replace' | 'forget', rights: string): Promise<void> {
    const acl = new Map(this.acl(id));
    const before = acl.get(identifier) ?? '';
    if (op === 'forget') acl.delete(identifier);
    else acl.set(identifier, op === 'add' ? addRights(before, rights) : op === 'remove' ? removeRights(before, rights) : rights);
    this.#acls.set(id, acl);
  }

  aclIdentifiers(): readonly string[] {
    return [...new Set([...this.#acls.values()].flatMap((acl) => [...acl.keys()]))];
  }

  watch(id: MailboxId | null, listener: () => void): () => void {
    const set = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  #hint(mailbox: ChangeHint['mailbox']): void {
    for (const listener of this.#watchers.get(mailbox) ?? []) listener();
  }

  #tick(box: Box): ModSeq {
    this.#clock += 1;
    box.modSeq = this.#clock as ModSeq;
    return box.modSeq;
  }

  #make(name: string, specialUse: string | null): Mailbox {
    const id = ++ids as MailboxId;
    const uidValidity = ++this.#uidValidity as UidValidity;
    const mailbox = { id, name, uidValidity, mailboxId: `F${id}`, specialUse, selectable: true };
    const modSeq = ++this.#clock as ModSeq;
    this.#boxes.set(id, { mailbox, messages: [], keywords: [], uidNext: 1 as Uid, modSeq, recentFrom: 1 as Uid, gone: [] });
    return mailbox;
  }

  #box(id: MailboxId): Box {
    const box = this.#boxes.get(id);
    if (box === undefined) throw new Fault('noSuchMailbox', `${id}`);
    return box;
  }

  #byName(name: string): Box {
    const found = this.find(name);
    if (found === null) throw new Fault('noSuchMailbox', name);
    return this.#box(found.id);
  }

  #pick(box: Box, uids: ArrayLike<number>): Message[] {
    const set = new Set(Array.from(uids));
    return box.messages.filter((m) => set.has(m.uid));
  }
}

const rowsOf = (messages: readonly Message[]): FlagRows => ({
  uids: Uint32Array.from(messages, (m) => m.uid),
  flags: Uint32Array.from(messages, (m) => m.flags),
  modSeqs: Float64Array.from(messages, (m) => m.modSeq),
  moreKeywords: new Map(),
});

function rowOf({ uid, flags, modSeq }: Message): FlagRow {
  return { uid, flags, modSeq, moreKeywords: [] };
}

function messageRow(m: Message): MessageRow {
  const { facts } = m;
  return {
    ...rowOf(m),
    internalDate: m.internalDate,
    zone: m.zone,
    size: facts.virtualSize,
    saveDate: m.saveDate,
    emailId: m.emailId,
    threadId: null,
    envelope: facts.envelope,
    bodyStructure: facts.bodyStructure,
    body: facts.body,
    structure: JSON.stringify(facts.root satisfies Part),
    header: m.bytes.subarray(0, facts.headerSize),
    preview: facts.preview,
    sortKeys: JSON.stringify(facts.sortKeys),
  };
}

function content(message: Staged): Buffer {
  return message.file === null ? Buffer.concat(message.chunks) : readFileSync(message.file);
}

function bitsOf(box: Box, flags: readonly string[]): number {
  let bits = 0;
  for (const flag of flags) {
    const system = flagBits[flag as SystemFlag];
    if (system !== undefined) {
      bits |= system;
      continue;
    }
    if (!box.keywords.includes(flag)) {
      if (box.keywords.length === lettered) throw new Fault('tooMany', 'keywords');
      box.keywords = [...box.keywords, flag];
    }
    bits |= 1 << (firstKeywordBit + box.keywords.indexOf(flag));
  }
  return bits >>> 0;
}

function namesOf(box: Box, bits: number): string[] {
  const system = Object.entries(flagBits).flatMap(([name, bit]) => ((bits & bit) !== 0 ? [name] : []));
  return [...system, ...box.keywords.filter((_, n) => (bits & (1 << (firstKeywordBit + n))) !== 0)];
}

function matches(box: Box, m: Message, key: SearchKey): boolean {
  const has = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());
  const text = () => m.bytes.toString('utf8');
  const header = () =>
    m.bytes
      .subarray(0, m.facts.headerSize)
      .toString('utf8')
      .replace(/\n[ \t]/g, ' ');
  const internal = shownDay(m.internalDate, m.zone);
  const days = {
    internal,
    saved: shownDay(m.saveDate, null),
    sent: m.facts.sortKeys.sentDay ?? internal,
  };
  switch (key.kind) {
    case 'all':
    case 'saveDateSupported':
      return true;
    case 'and':
      return key.keys.every((one) => matches(box, m, one));
    case 'or':
      return key.keys.some((one) => matches(box, m, one));
    case 'not':
      return !matches(box, m, key.key);
    case 'uids':
      return key.ranges.some(([from, to]) => m.uid >= from && m.uid <= to);
    case 'flag':
      return namesOf(box, m.flags).includes(key.flag);
    case 'recent':
      return m.uid >= box.recentFrom;
    case 'header':
      return header()
        .split('\n')
        .some((line) => line.toLowerCase().startsWith(`${key.field}:`) && has(line.slice(key.field.length + 1), key.text));
    case 'body':
      return has(m.bytes.subarray(m.facts.headerSize).toString('utf8'), key.text);
    case 'text':
      return has(text(), key.text);
    case 'larger':
      return m.facts.virtualSize > key.size;
    case 'smaller':
      return m.facts.virtualSize < key.size;
    case 'date': {
      const day = Math.floor(days[key.which]);
      return key.op === 'on' ? day === key.day : key.op === 'before' ? day < key.day : day >= key.day;
    }
    case 'older':
      return m.internalDate <= Date.now() - key.seconds * 1000;
    case 'younger':
      return m.internalDate > Date.now() - key.seconds * 1000;
    case 'modseq':
      return m.modSeq >= key.modSeq;
    case 'emailid':
      return m.emailId === key.id;
    case 'threadid':
      return false;
  }
}
