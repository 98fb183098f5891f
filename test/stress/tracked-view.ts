import { createHash } from 'node:crypto';
import type { Value } from './response.ts';
import type { Facts, World } from './world.ts';

export interface Message {
  uid: number;
  flags: ReadonlySet<string> | null;
  modSeq: number;
  facts: Facts | null;
  /** Commands under way that name it by number: it must keep its place. */
  named: number;
  /** STOREs under way: its flags may be anything. */
  stores: number;
  /** A FETCH with flags came since the last STORE was sent. */
  told: boolean;
}

const systemFlags = new Set(['\\answered', '\\flagged', '\\deleted', '\\seen', '\\draft', '\\recent']);

/** What one session was told of its mailbox, each word held against what was said before, here and to others. */
export class TrackedView {
  messages: Message[] = [];
  keywords = new Set<string>();
  canCreateKeywords = false;
  recent = 0;
  readWrite = false;
  highestModSeq = 0;
  uidValidity = 0;
  uidNext = 0;
  /** Selecting: counts may be anything. */
  selecting = true;
  #seenModSeq = 0;
  readonly #world: World;
  readonly #session: number;
  readonly #client: number;
  readonly #complain: (text: string) => void;

  constructor(world: World, session: number, client: number, complain: (text: string) => void) {
    this.#world = world;
    this.#session = session;
    this.#client = client;
    this.#complain = complain;
  }

  /** Goes on from what an earlier session knew. */
  resume(before: TrackedView): this {
    this.messages = before.messages.map((message) => ({
      ...message,
      flags: message.flags === null ? null : new Set([...message.flags].filter((flag) => flag !== '\\recent')),
      named: 0,
      stores: 0,
    }));
    this.keywords = before.keywords;
    this.highestModSeq = before.highestModSeq;
    this.uidValidity = before.uidValidity;
    this.uidNext = before.uidNext;
    return this;
  }

  /** A command is answered: what changed up to the highest mod-sequence seen has been told. RFC 7162 3.1 */
  settleModSeq(): void {
    this.highestModSeq = Math.max(this.highestModSeq, this.#seenModSeq);
    this.#seenModSeq = 0;
  }

  /** HIGHESTMODSEQ: whatever was seen before, up to here everything has been told. */
  resetModSeq(modSeq: number): void {
    this.#seenModSeq = 0;
    this.highestModSeq = modSeq;
  }

  get count(): number {
    return this.messages.length;
  }

  exists(count: number): void {
    if (count < this.count) this.#complain(`EXISTS went from ${this.count} to ${count}`);
    while (this.count < count) this.messages.push({ uid: 0, flags: null, modSeq: 0, facts: null, named: 0, stores: 0, told: false });
    this.messages.length = count;
  }

  expunge(n: number): void {
    const message = this.messages[n - 1];
    if (message === undefined) {
      this.#complain(`EXPUNGE ${n} of ${this.count}`);
      return;
    }
    if (message.named > 0) this.#complain(`EXPUNGE ${n} (UID ${message.uid}) while a command names it by number`);
    if (message.uid > 0) this.#world.expunged.add(message.uid);
    this.messages.splice(n - 1, 1);
  }

  vanished(uids: readonly number[], earlier: boolean): void {
    const unknown = this.messages.filter(({ uid }) => uid === 0).length;
    for (const uid of uids) {
      const at = this.messages.findIndex((message) => message.uid === uid);
      if (at >= 0) this.expunge(at + 1);
      else if (!earlier && unknown === 0) this.#complain(`VANISHED ${uid}, which was not there`);
      // Which one it was is not known: one of those whose UID was never told, before the next that is known.
      else if (!earlier) this.expunge(this.#unknownBefore(uid) + 1);
    }
  }

  #unknownBefore(uid: number): number {
    const after = this.messages.findIndex((message) => message.uid > uid);
    const last = (after < 0 ? this.count : after) - 1;
    if (this.messages[last]?.uid !== 0) this.#complain(`VANISHED ${uid}: no room for it`);
    return last;
  }

  flagList(flags: readonly string[]): void {
    const now = new Set(flags.map((flag) => flag.toLowerCase()));
    for (const flag of now) if (flag.startsWith('\\') && !systemFlags.has(flag)) this.#complain(`FLAGS has ${flag}`);
    for (const { flags: used } of this.messages)
      for (const flag of used ?? []) if (!flag.startsWith('\\') && !now.has(flag)) this.#complain(`FLAGS lost ${flag}, which is in use`);
    this.keywords = new Set([...now].filter((flag) => !flag.startsWith('\\')));
  }

  permanentFlags(flags: readonly string[]): void {
    this.canCreateKeywords = flags.includes('\\*');
    const names = flags.map((flag) => flag.toLowerCase());
    for (const flag of names) {
      if (flag.startsWith('\\') ? flag !== '\\*' && !systemFlags.has(flag) : !this.keywords.has(flag))
        this.#complain(`PERMANENTFLAGS has ${flag}, FLAGS has not`);
    }
    for (const flag of this.keywords) if (!names.includes(flag)) this.#complain(`PERMANENTFLAGS lacks ${flag}`);
  }

  fetched(n: number, items: readonly Value[]): void {
    const message = this.messages[n - 1];
    if (message === undefined) {
      this.#complain(`FETCH ${n} of ${this.count}`);
      return;
    }
    const item = (name: string): Value | undefined => {
      for (let i = 0; i + 1 < items.length; i += 2) if (String(items[i]).toUpperCase() === name) return items[i + 1]!;
      return undefined;
    };
    const uid = Number(item('UID') ?? 0);
    if (uid > 0) this.#learnUid(message, n, uid);
    const flags = item('FLAGS');
    if (Array.isArray(flags)) this.#learnFlags(message, flags.map(String));
    const modSeq = item('MODSEQ');
    if (Array.isArray(modSeq)) {
      const now = Number(modSeq[0]);
      if (now < message.modSeq) this.#complain(`MODSEQ of UID ${message.uid} went from ${message.modSeq} to ${now}`);
      message.modSeq = now;
      this.#seenModSeq = Math.max(this.#seenModSeq, now);
    }
    const { facts } = message;
    if (facts === null) return;
    const date = item('INTERNALDATE');
    if (typeof date === 'string') {
      if (facts.internalDate !== null && facts.internalDate !== date)
        this.#complain(`INTERNALDATE of UID ${message.uid} went from ${facts.internalDate} to ${date}`);
      facts.internalDate = date;
    }
    const envelope = item('ENVELOPE');
    if (Array.isArray(envelope)) {
      const id = String(envelope[9]);
      if (facts.id !== null && facts.id !== id) this.#complain(`Message-ID of UID ${message.uid} went from ${facts.id} to ${id}`);
      if (!this.#world.byId.has(id)) this.#complain(`UID ${message.uid} has Message-ID ${id}, which nobody appended`);
      facts.id = id;
    }
    if (facts.id !== null) this.#compareParts(message.uid, facts.id, items);
  }

  /** ENVELOPE, structure, sizes, header fields and bodies are those of every other copy, and of what was appended. */
  #compareParts(uid: number, id: string, items: readonly Value[]): void {
    const source = this.#world.byId.get(id);
    for (let i = 0; i + 1 < items.length; i += 2) {
      const name = String(items[i]).toUpperCase();
      if (/^(?:UID|FLAGS|MODSEQ|INTERNALDATE|SAVEDATE)$/.test(name)) continue;
      const value = items[i + 1]!;
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const short = text.length > 200 ? createHash('sha1').update(text).digest('hex') : text;
      const before = this.#world.part(id, name.replace(/^RFC822$/, 'BODY[]').replace(/^RFC822\.HEADER$/, 'BODY[HEADER]'), short);
      if (before !== null) this.#complain(`UID ${uid} ${name} went from ${before} to ${short}`);
      if (source === undefined) continue;
      const end = source.text.indexOf('\r\n\r\n') + 4;
      const wanted: Record<string, string> = {
        'BODY[]': source.text,
        'BODY[HEADER]': source.text.slice(0, end),
        'BODY[TEXT]': source.text.slice(end),
        'RFC822.SIZE': String(source.text.length),
      };
      if (wanted[name] !== undefined && wanted[name] !== text) this.#complain(`UID ${uid} ${name} is not what was appended`);
    }
  }

  #learnUid(message: Message, n: number, uid: number): void {
    if (message.uid !== 0 && message.uid !== uid) this.#complain(`message ${n} had UID ${message.uid}, now ${uid}`);
    if (message.uid === uid) return;
    message.uid = uid;
    message.facts = this.#world.facts(uid);
    const lower = this.messages.slice(0, n - 1).findLast((one) => one.uid > 0)?.uid ?? 0;
    const upper = this.messages.slice(n).find((one) => one.uid > 0)?.uid ?? Number.POSITIVE_INFINITY;
    if (lower >= uid || upper <= uid) this.#complain(`UID ${uid} at ${n} lies between ${lower} and ${upper}`);
  }

  #learnFlags(message: Message, names: readonly string[]): void {
    const now = new Set(names.map((flag) => flag.toLowerCase()));
    if (now.size !== names.length) this.#complain(`a flag twice: ${names.join(' ')}`);
    for (const flag of now) {
      if (flag.startsWith('\\') ? !systemFlags.has(flag) : !this.keywords.has(flag)) this.#complain(`flag ${flag} is not in FLAGS`);
    }
    const before = message.flags;
    message.flags = now;
    message.told = true;
    if (message.facts === null) return;
    this.#checkRecent(message.facts, now);
    if (before === null || message.stores > 0) return;
    const { own } = this.#world.options;
    for (const flag of new Set([...before, ...now])) {
      if (before.has(flag) === now.has(flag) || flag === '\\recent') continue;
      if (own === 'messages' && message.facts.owner === this.#client) this.#complain(`own message ${message.uid} changed ${flag}`);
      if (own === 'flags' && this.#world.flagOwner(flag) === this.#client) this.#complain(`own flag ${flag} of ${message.uid} changed`);
    }
  }

  #checkRecent(facts: Facts, flags: ReadonlySet<string>): void {
    if (!flags.has('\\recent') || !this.readWrite) return;
    if (facts.recent !== 0 && facts.recent !== this.#session)
      this.#complain(`UID ${facts.uid} is \\Recent here and in session ${facts.recent}`);
    facts.recent = this.#session;
  }
}
