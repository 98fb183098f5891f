import { Fault } from '../mail/fault.ts';
import { firstKeywordBit, lettered, systemFlags } from '../mail/flags.ts';
import type { ModSeq, SequenceNumber, Uid } from '../mail/numbers.ts';
import type { AccountStore, Changes, FlagRow, Mailbox, MailboxSnapshot } from '../store/store.ts';
import type { SearchContext } from './context.ts';
import { utf8 } from './grammar/format.ts';
import { resolveRanges, type SequenceSet } from './grammar/sequence-set.ts';

/** Places in the view (sequence number - 1), ascending. */
export type Places = ArrayLike<number>;

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
  saved: Uint32Array = new Uint32Array(0);
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
  /** UIDs in the view whose messages are gone. */
  #gone = new Set<number>();
  #recent: (readonly [from: number, before: number])[] = [];
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

  /** Sequence number of the first place at or after `uid`, minus one. */
  lowerBound(uid: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    return low;
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
    return this.#gone.size > 0 && this.#gone.has(uid);
  }

  get hasGone(): boolean {
    return this.#gone.size > 0;
  }

  get gone(): ReadonlySet<number> {
    return this.#gone;
  }

  /**
   * Places of the messages in `set`. UIDs that are not here are left out; a sequence number that is not here is an error,
   * unless `lenient`. RFC 9051 9 (seq-number), 6.4.9
   */
  places(set: SequenceSet, byUid: boolean, lenient = false): Places {
    if (set === '$') return this.placesOf(this.saved);
    const last = this.count === 0 ? 0 : byUid ? this.uids[this.count - 1]! : this.count;
    if (!byUid && !lenient) {
      // QUIRK: `n:*` past the end is taken for `*`, as most servers do.
      const beyond = set.some(({ from, to }) => from !== '*' && to !== '*' && Math.max(from, to) > this.count);
      if (this.count === 0 || beyond) throw new Fault('syntax', 'Invalid messageset');
    }
    if (this.count === 0) return [];
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

  /** Places of those of `uids` that are here, in their order. */
  placesOf(uids: ArrayLike<number>): number[] {
    const places: number[] = [];
    const placeOf = uids.length * 16 > this.count ? this.#placeTable() : null;
    const first = this.uids[0] ?? 0;
    for (let i = 0; i < uids.length; i++) {
      const at = placeOf === null ? this.place(uids[i]!) : (placeOf[uids[i]! - first] ?? 0) - 1;
      if (at >= 0) places.push(at);
    }
    return places;
  }

  /** Place + 1 by UID from the first one on; 0: not here. null where UIDs lie far apart. */
  #placeTable(): Uint32Array | null {
    if (this.count === 0) return null;
    const first = this.uids[0]!;
    const span = this.uids[this.count - 1]! - first + 1;
    if (span > 4 * this.count) return null;
    const table = new Uint32Array(span);
    for (let at = 0; at < this.count; at++) table[this.uids[at]! - first] = at + 1;
    return table;
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
   * @returns places whose flags or mod-sequence the client does not know yet, those of new messages aside; and how many are new
   */
  advance(changes: Changes): { readonly touched: number[]; readonly added: number } {
    const touched: number[] = [];
    let added = 0;
    if (!changes.complete) return this.#resync();
    for (const row of changes.changed) {
      if (row.uid >= this.uidNext) continue;
      const at = this.place(row.uid);
      if (at >= 0 && this.#learn(at, row)) touched.push(at);
    }
    const fresh = changes.changed.filter((row) => row.uid >= this.uidNext).sort((a, b) => a.uid - b.uid);
    for (const row of fresh) {
      this.#push(row);
      added++;
    }
    for (const uid of changes.expunged) if (this.place(uid) >= 0) this.#gone.add(uid);
    this.modSeq = changes.highestModSeq;
    if (changes.uidNext > this.uidNext) this.uidNext = changes.uidNext;
    touched.sort((a, b) => a - b);
    return { touched, added };
  }

  /** All that happened up to `after` is in the view, where all up to `before` was. */
  reach({ before, after }: { readonly before: ModSeq; readonly after: ModSeq }): void {
    // Searches that are kept up to date look at changes themselves.
    if (this.modSeq === before && this.contexts.length === 0) this.modSeq = after;
  }

  /** Takes in what a command of this session has told the client anyway. @returns places that are here, in order */
  learn(rows: readonly FlagRow[]): number[] {
    const places: number[] = [];
    for (const row of rows) {
      const at = this.place(row.uid);
      if (at < 0) continue;
      this.#learn(at, row);
      if (this.contexts.length > 0) this.changedHere.push(row.uid);
      places.push(at);
    }
    return places;
  }

  /** Lets go of what was expunged. @returns the UIDs and the sequence numbers to tell, each as things are when it is told */
  expunge(): { readonly uids: number[]; readonly sequenceNumbers: number[] } {
    const uids: number[] = [];
    const sequenceNumbers: number[] = [];
    if (this.#gone.size === 0) return { uids, sequenceNumbers };
    this.#own(this.count);
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      const uid = this.uids[i]!;
      if (this.#gone.has(uid)) {
        uids.push(uid);
        sequenceNumbers.push(kept + 1);
        this.moreKeywords.delete(uid);
        continue;
      }
      if (kept !== i) {
        this.uids[kept] = uid;
        this.flags[kept] = this.flags[i]!;
        this.modSeqs[kept] = this.modSeqs[i]!;
      }
      kept++;
    }
    this.count = kept;
    this.saved = this.saved.filter((uid) => !this.#gone.has(uid));
    this.#gone.clear();
    return { uids, sequenceNumbers };
  }

  /** Messages with UIDs in [from, before) are this session's recent ones. RFC 3501 2.3.2 */
  addRecent(from: number, before: number): void {
    const last = this.#recent.at(-1)?.[1] ?? 0;
    if (before > Math.max(from, last)) this.#recent.push([Math.max(from, last), before]);
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

  #names(bits: number): string[] {
    const names: string[] = systemFlags.filter((_, bit) => (bits & (1 << bit)) !== 0);
    for (let n = 0; n < lettered; n++) {
      if ((bits & (1 << (firstKeywordBit + n))) === 0) continue;
      const name = this.keywords[n] ?? this.#mail.keywords(this.mailbox.id)[n];
      if (name !== undefined) names.push(utf8(name));
    }
    return names;
  }

  #learn(at: number, row: FlagRow): boolean {
    const more = row.moreKeywords.length > 0 || this.moreKeywords.size > 0;
    const known = this.moreKeywords.get(row.uid) ?? [];
    const sameMore = !more || known.join(' ') === row.moreKeywords.join(' ');
    if (this.flags[at] === row.flags >>> 0 && this.modSeqs[at] === row.modSeq && sameMore) return false;
    this.#own(this.count);
    this.flags[at] = row.flags;
    this.modSeqs[at] = row.modSeq;
    if (row.moreKeywords.length > 0) this.moreKeywords.set(row.uid, row.moreKeywords);
    else if (more) this.moreKeywords.delete(row.uid);
    return true;
  }

  #push(row: FlagRow): void {
    this.#own(this.count + 1);
    this.uids[this.count] = row.uid;
    this.flags[this.count] = row.flags;
    this.modSeqs[this.count] = row.modSeq;
    if (row.moreKeywords.length > 0) this.moreKeywords.set(row.uid, row.moreKeywords);
    this.count++;
    this.uidNext = (row.uid + 1) as Uid;
  }

  /** Tombstones that far back are gone: compares everything. */
  #resync(): { touched: number[]; added: number } {
    const now = this.#mail.snapshot(this.mailbox.id);
    const touched: number[] = [];
    let added = 0;
    let at = 0;
    const before = this.count;
    for (let i = 0; i < now.uids.length; i++) {
      const uid = now.uids[i]! as Uid;
      while (at < before && this.uids[at]! < uid) this.#gone.add(this.uids[at++]!);
      const row: FlagRow = {
        uid,
        flags: now.flags[i]!,
        moreKeywords: now.moreKeywords.get(uid) ?? [],
        modSeq: now.modSeqs[i]! as ModSeq,
      };
      if (at < before && this.uids[at] === uid) {
        if (this.#learn(at, row)) touched.push(at);
        at++;
      } else if (uid >= this.uidNext) {
        this.#push(row);
        added++;
      }
    }
    while (at < before) this.#gone.add(this.uids[at++]!);
    this.modSeq = now.highestModSeq;
    this.uidNext = now.uidNext;
    return { touched, added };
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
