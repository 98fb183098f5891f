import { Fault } from '../mail/fault.ts';
import { firstKeywordBit, lettered, systemFlags } from '../mail/flags.ts';
import type { ModSeq, SequenceNumber, Uid } from '../mail/numbers.ts';
import { closeGaps } from '../store/columns.ts';
import type { AccountStore, Changes, FlagRows, Mailbox, MailboxSnapshot } from '../store/store.ts';
import { lowerBound } from '../store/uid-set.ts';
import type { SearchContext } from './context.ts';
import { utf8 } from './grammar/format.ts';
import { resolveRanges, type SequenceSet } from './grammar/sequence-set.ts';

/** Places in the view (sequence number - 1), ascending. */
export type Places = ArrayLike<number>;

const none = new Uint32Array(0);
const noNames: readonly string[] = [];
/** One search costs as much as so many steps. */
const few = 8;

/**
 * What one session believes its mailbox holds: the only place where sequence numbers and UIDs meet.
 *
 * `uids[i]` is the message with sequence number i + 1. The store's arrays are shared until the first change, then copied.
 * The view moves on in two steps, because a client may hear of new messages and flags at almost any time, but of expunged
 * ones only between commands: `advance` takes the store's changes in, remembering what was expunged, and `expunge` lets
 * those go. In between, an expunged message keeps its place and what was known of it. RFC 9051 7.5.1
 */
export class View {
  readonly mailbox: Mailbox;
  readonly readOnly: boolean;
  uids: Uint32Array;
  flags: Uint32Array;
  modSeqs: Float64Array;
  /** Messages in the view; the arrays may be longer. */
  count: number;
  modSeq: ModSeq;
  /** Up to here the client was told everything; between it and `modSeq`, messages went that it still counts. */
  toldModSeq: ModSeq;
  uidNext: Uid;
  /** The search result saved for `$`, UIDs ascending. RFC 9051 6.4.4.1 */
  saved: Uint32Array = none;
  /** Searches kept up to date, and UIDs whose flags this session changed since they were looked at. */
  contexts: readonly SearchContext[] = [];
  changedHere: number[] = [];
  /** As the client was told last. */
  toldRecent = 0;
  moreKeywords: Map<number, readonly string[]>;
  /** Keyword names the client was told of. */
  keywords: readonly string[] = [];

  readonly #mail: AccountStore;
  #shared = true;
  /** UIDs in the view whose messages are gone, ascending. */
  #gone: Uint32Array = none;
  #recent: [from: number, before: number][] = [];
  #flagTexts = new Map<number, string>();

  constructor(mail: AccountStore, mailbox: Mailbox, snapshot: MailboxSnapshot, readOnly: boolean) {
    this.#mail = mail;
    this.mailbox = mailbox;
    this.readOnly = readOnly;
    this.uids = snapshot.uids;
    this.flags = snapshot.flags;
    this.modSeqs = snapshot.modSeqs;
    this.count = snapshot.uids.length;
    this.modSeq = snapshot.highestModSeq;
    this.toldModSeq = snapshot.highestModSeq;
    this.uidNext = snapshot.uidNext;
    this.moreKeywords = new Map(snapshot.moreKeywords);
    this.keywords = mail.keywords(mailbox.id);
  }

  /** The first place at or after `uid`. */
  lowerBound(uid: number): number {
    return lowerBound(this.uids, this.count, uid);
  }

  /** Place of `uid`, -1 where it is not in the view. */
  place(uid: number): number {
    const at = this.lowerBound(uid);
    return at < this.count && this.uids[at] === uid ? at : -1;
  }

  sequenceNumber(uid: Uid): SequenceNumber | null {
    const at = this.place(uid);
    return at < 0 ? null : ((at + 1) as SequenceNumber);
  }

  isGone(uid: number): boolean {
    return this.#gone.length > 0 && this.#gone[lowerBound(this.#gone, this.#gone.length, uid)] === uid;
  }

  get hasGone(): boolean {
    return this.#gone.length > 0;
  }

  get gone(): Uint32Array {
    return this.#gone;
  }

  /** As `place`, for so many UIDs that come in ascending order. */
  finder(count: number): (uid: number) => number {
    if (count * few < this.count) return (uid) => this.place(uid);
    let at = 0;
    return (uid) => {
      while (at < this.count && this.uids[at]! < uid) at++;
      return at < this.count && this.uids[at] === uid ? at : -1;
    };
  }

  /**
   * Places of the messages in `set`. UIDs that are not here are left out; a sequence number that is not here is an error,
   * unless `lenient`. RFC 9051 9 (seq-number), 6.4.9
   */
  places(set: SequenceSet, byUid: boolean, lenient = false): Uint32Array {
    if (set === '$') return this.placesOf(this.saved);
    const last = this.count === 0 ? 0 : byUid ? this.uids[this.count - 1]! : this.count;
    if (!byUid && !lenient) {
      // QUIRK: `n:*` past the end is taken for `*`, as most servers do.
      const beyond = set.some(({ from, to }) => from !== '*' && to !== '*' && Math.max(from, to) > this.count);
      if (this.count === 0 || beyond) throw new Fault('syntax', 'Invalid messageset');
    }
    if (this.count === 0) return none;
    const spans = resolveRanges(set, last).map(([from, to]) =>
      byUid ? ([this.lowerBound(from), this.lowerBound(to + 1)] as const) : ([from - 1, Math.min(to, this.count)] as const),
    );
    let size = 0;
    for (const [from, before] of spans) size += Math.max(0, before - from);
    const places = new Uint32Array(size);
    let n = 0;
    for (const [from, before] of spans) for (let i = from; i < before; i++) places[n++] = i;
    return places;
  }

  /** Places of those of `uids`, in whatever order, that are in the view. */
  placesOf(uids: ArrayLike<number>): Uint32Array {
    const places = new Uint32Array(uids.length);
    const first = this.uids[0] ?? 0;
    const span = this.count === 0 ? 0 : this.uids[this.count - 1]! - first + 1;
    // Of many, by a table of all: places plus one.
    const table = uids.length * few >= this.count && span <= this.count * few ? new Uint32Array(span) : null;
    if (table !== null) for (let at = 0; at < this.count; at++) table[this.uids[at]! - first] = at + 1;
    let n = 0;
    for (let i = 0; i < uids.length; i++) {
      const at = table === null ? this.place(uids[i]!) : (table[uids[i]! - first] ?? 0) - 1;
      if (at >= 0) places[n++] = at;
    }
    return places.subarray(0, n);
  }

  uidsOf(places: Places): Uint32Array {
    const uids = new Uint32Array(places.length);
    for (let i = 0; i < places.length; i++) uids[i] = this.uids[places[i]!]!;
    return uids;
  }

  /** What changed since the view last looked. */
  changes(): Changes | Promise<Changes> {
    return this.#mail.changes(this.mailbox.id, this.modSeq);
  }

  /**
   * Takes in new messages and flag changes, and remembers what was expunged.
   * @returns places whose flags or mod-sequence the client does not know yet, those of new messages aside; how many are new; and whether
   *   there are messages between those of the view, which no client can be told of: files came back, or a damaged index had hidden them
   */
  advance(changes: Changes): { readonly touched: number[]; readonly added: number; readonly returned: boolean } {
    if (!changes.complete) return this.#resync();
    const { changed } = changes;
    const touched: number[] = [];
    const first = lowerBound(changed.uids, changed.uids.length, this.uidNext);
    const added = changed.uids.length - first;
    const find = this.finder(first);
    let returned = false;
    for (let i = 0; i < first; i++) {
      const at = find(changed.uids[i]!);
      if (at < 0) returned = true;
      else if (this.#learn(at, changed, i)) touched.push(at);
    }
    if (added > 0) this.#own(this.count + added);
    for (let i = first; i < changed.uids.length; i++) this.#push(changed, i);
    const findGone = this.finder(changes.expunged.length);
    this.#lose(changes.expunged.filter((uid) => findGone(uid) >= 0));
    this.modSeq = changes.highestModSeq;
    if (changes.uidNext > this.uidNext) this.uidNext = changes.uidNext;
    return { touched, added, returned };
  }

  /** All that happened up to `after` is in the view, where all up to `before` was. */
  reach({ before, after }: { readonly before: ModSeq; readonly after: ModSeq }): void {
    // Searches that are kept up to date look at changes themselves.
    if (this.modSeq === before && this.contexts.length === 0) this.modSeq = after;
  }

  /** Takes in what a command of this session has told the client anyway. @returns places that are here, in order */
  learn(rows: FlagRows): number[] {
    const places: number[] = [];
    const find = this.finder(rows.uids.length);
    for (let i = 0; i < rows.uids.length; i++) {
      const at = find(rows.uids[i]!);
      if (at < 0) continue;
      this.learnAt(at, rows, i);
      places.push(at);
    }
    return places;
  }

  /** The same of one row, whose place that is. */
  learnAt(at: number, rows: FlagRows, i: number): void {
    this.#learn(at, rows, i);
    if (this.contexts.length > 0) this.changedHere.push(rows.uids[i]!);
  }

  /** Lets go of what was expunged. @returns the UIDs and the sequence numbers to tell, each as things are when it is told */
  expunge(): { readonly uids: Uint32Array; readonly sequenceNumbers: Uint32Array } {
    const gone = this.#gone;
    const sequenceNumbers = new Uint32Array(gone.length);
    if (gone.length === 0) return { uids: gone, sequenceNumbers };
    this.#own(this.count);
    const places = Uint32Array.from(gone, this.finder(gone.length));
    for (let n = 0; n < gone.length; n++) sequenceNumbers[n] = places[n]! + 1 - n;
    closeGaps([this.uids, this.flags, this.modSeqs], this.count, places);
    if (this.moreKeywords.size > 0) for (const uid of gone) this.moreKeywords.delete(uid);
    this.count -= gone.length;
    this.saved = this.saved.filter((uid) => !this.isGone(uid));
    this.#gone = none;
    return { uids: gone, sequenceNumbers };
  }

  /** Messages with UIDs in [from, before) are this session's recent ones. RFC 3501 2.3.2 */
  addRecent(from: number, before: number): void {
    if (from >= before) return;
    const last = this.#recent.at(-1);
    if (last === undefined || from > last[1]) this.#recent.push([from, before]);
    // One range for all that came one after the other, not one each.
    else if (before > last[1]) last[1] = before;
  }

  isRecent(uid: number): boolean {
    for (const [from, before] of this.#recent) if (uid >= from && uid < before) return true;
    return false;
  }

  get recentCount(): number {
    let n = 0;
    for (const [from, before] of this.#recent) n += this.lowerBound(before) - this.lowerBound(from);
    return n;
  }

  /** First recent UIDs for SEARCH: ranges that hold them. */
  get recentRanges(): readonly (readonly [number, number])[] {
    return this.#recent.map(([from, before]) => [from, before - 1] as const);
  }

  /** `\Seen $Junk` of a place, as FETCH shows it. */
  flagText(at: number, withRecent: boolean): string {
    const bits = this.flags[at]!;
    let text = this.#flagTexts.get(bits);
    if (text === undefined) {
      text = this.#names(bits).join(' ');
      this.#flagTexts.set(bits, text);
    }
    if (this.moreKeywords.size > 0) {
      const more = this.moreKeywords.get(this.uids[at]!);
      if (more !== undefined && more.length > 0) text = [...(text === '' ? [] : [text]), ...more.map(utf8)].join(' ');
    }
    if (withRecent && this.#recent.length > 0 && this.isRecent(this.uids[at]!)) return text === '' ? '\\Recent' : `${text} \\Recent`;
    return text;
  }

  /** @returns whether there are keywords the client was not told of */
  refreshKeywords(): boolean {
    const names = this.#mail.keywords(this.mailbox.id);
    if (names.length === this.keywords.length) return false;
    this.keywords = names;
    this.#flagTexts.clear();
    return true;
  }

  /** Whether some of these flags are a keyword that the client was not told of. */
  hasNewKeyword(flags: Uint32Array): boolean {
    const told = firstKeywordBit + this.keywords.length;
    return told < 32 && flags.some((bits) => bits >>> told !== 0);
  }

  #names(bits: number): string[] {
    const names: string[] = systemFlags.filter((_, bit) => (bits & (1 << bit)) !== 0);
    for (let n = 0; n < lettered; n++) {
      if ((bits & (1 << (firstKeywordBit + n))) === 0) continue;
      const name = this.keywords[n] ?? this.#mail.keywords(this.mailbox.id)[n];
      if (name !== undefined) names.push(utf8(name));
    }
    return names;
  }

  #learn(at: number, { uids, flags, modSeqs, moreKeywords }: FlagRows, i: number): boolean {
    const uid = uids[i]!;
    const bits = flags[i]! >>> 0;
    const modSeq = modSeqs[i]!;
    const more = moreKeywords.size + this.moreKeywords.size === 0 ? noNames : (moreKeywords.get(uid) ?? noNames);
    const known = this.moreKeywords.size === 0 ? noNames : (this.moreKeywords.get(uid) ?? noNames);
    if (this.flags[at] === bits && this.modSeqs[at] === modSeq && known.join(' ') === more.join(' ')) return false;
    this.#own(this.count);
    this.flags[at] = bits;
    this.modSeqs[at] = modSeq;
    if (more.length > 0) this.moreKeywords.set(uid, more);
    else if (known.length > 0) this.moreKeywords.delete(uid);
    return true;
  }

  #push({ uids, flags, modSeqs, moreKeywords }: FlagRows, i: number): void {
    const uid = uids[i]!;
    this.#own(this.count + 1);
    this.uids[this.count] = uid;
    this.flags[this.count] = flags[i]!;
    this.modSeqs[this.count] = modSeqs[i]!;
    const more = moreKeywords.size === 0 ? noNames : (moreKeywords.get(uid) ?? noNames);
    if (more.length > 0) this.moreKeywords.set(uid, more);
    this.count++;
    this.uidNext = (uid + 1) as Uid;
  }

  /** @param uids ascending, in the view */
  #lose(uids: Uint32Array): void {
    if (uids.length === 0) return;
    const fresh = this.#gone.length === 0 ? uids : uids.filter((uid) => !this.isGone(uid));
    const all = new Uint32Array(this.#gone.length + fresh.length);
    all.set(this.#gone);
    all.set(fresh, this.#gone.length);
    this.#gone = all.sort();
  }

  /** Tombstones that far back are gone: compares everything. */
  #resync(): ReturnType<View['advance']> {
    const now = this.#mail.snapshot(this.mailbox.id);
    const touched: number[] = [];
    const gone: number[] = [];
    let added = 0;
    let returned = false;
    let at = 0;
    const before = this.count;
    for (let i = 0; i < now.uids.length; i++) {
      const uid = now.uids[i]!;
      while (at < before && this.uids[at]! < uid) gone.push(this.uids[at++]!);
      if (at < before && this.uids[at] === uid) {
        if (this.#learn(at, now, i)) touched.push(at);
        at++;
      } else if (uid >= this.uidNext) {
        this.#push(now, i);
        added++;
      } else returned = true;
    }
    while (at < before) gone.push(this.uids[at++]!);
    this.#lose(Uint32Array.from(gone));
    this.modSeq = now.highestModSeq;
    this.uidNext = now.uidNext;
    return { touched, added, returned };
  }

  /** Makes the arrays this view's own, with room for `size`. */
  #own(size: number): void {
    if (!this.#shared && size <= this.uids.length) return;
    const room = this.#shared && size === this.count ? size : size + 16 + (size >>> 3);
    const grow = <T extends Uint32Array | Float64Array>(from: T, to: T): T => {
      to.set(from.subarray(0, this.count));
      return to;
    };
    this.uids = grow(this.uids, new Uint32Array(room));
    this.flags = grow(this.flags, new Uint32Array(room));
    this.modSeqs = grow(this.modSeqs, new Float64Array(room));
    this.#shared = false;
  }
}
