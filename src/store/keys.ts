import { Share } from '../base/share.ts';
import { shownDay } from '../mail/local-time.ts';
import type { SortKeys } from '../mail/mime/part.ts';
import type { SortItem } from '../mail/sort.ts';
import { columnOf, type NumberKey, type SortColumn } from '../mail/sort-numbers.ts';
import { grown, numbers } from './columns.ts';
import type { Reader } from './reader.ts';
import type { KeyRecord } from './tables/message.ts';
import { find } from './view.ts';

/** Rows read at a step. */
const step = 500;
/** Keys parsed between looks at the clock. */
const itemStep = 128;
/** Messages whose text keys are kept, of all mailboxes together. */
const keptTexts = 100_000;

/** Out of the reach of what four digits say. */
const noZone = -(2 ** 15);

/** Mailboxes with text keys in memory, the one asked last at the end. */
const holders = new Set<MailboxKeys>();

/**
 * What SORT, THREAD and SEARCH by date or size compare, of one mailbox, as columns. None of it changes while a UID lives, but of
 * messages whose content was not read yet; so what was read once is kept and only new messages are read.
 */
export class MailboxKeys {
  readonly #reader: () => Reader;
  readonly #mailbox: number;
  readonly #look: (uids: readonly number[]) => Promise<SortItem[]>;
  #uids = new Uint32Array(0);
  #internalDates = new Float64Array(0);
  /** `noZone`: this host's. */
  #zones = new Int16Array(0);
  #saveDates = new Float64Array(0);
  #sizes = new Float64Array(0);
  /** NaN: no usable Date field. */
  #sent = new Float64Array(0);
  #sentDays = new Float64Array(0);
  #count = 0;
  /** Places of messages whose content was not read. */
  #unread = new Set<number>();
  #texts: (SortKeys | undefined)[] = [];
  #loading: Promise<void> = Promise.resolve();
  #version = 0;

  /** @param look reads messages that are not here, or not read yet */
  constructor(reader: () => Reader, mailbox: number, look: (uids: readonly number[]) => Promise<SortItem[]>) {
    this.#reader = reader;
    this.#mailbox = mailbox;
    this.#look = look;
  }

  /** Messages that `load` has met, those that went since among them. */
  get count(): number {
    return this.#count;
  }

  /** Another number once any of these has other keys, or is not here any more. */
  get version(): number {
    return this.#version;
  }

  /** Of messages in the order in which they came, from one place to before another. */
  uids(from: number, before: number): Uint32Array {
    return this.#uids.slice(from, before);
  }

  /** Takes in what is new. */
  async load(): Promise<void> {
    const before = this.#loading;
    const mine = before.catch(() => {}).then(() => this.#load());
    this.#loading = mine;
    return mine;
  }

  async #load(): Promise<void> {
    const share = new Share();
    const { messages } = this.#reader().mailbox(this.#mailbox);
    // Expunged ones are let go when they are many.
    if (this.#count > 2 * messages + step) this.clear();
    if (this.#unread.size > 0) {
      let n = 0;
      for (const at of Array.from(this.#unread)) {
        const row = this.#reader().messages.get(this.#mailbox, this.#uids[at]!);
        if (row?.contentId !== null) this.#version++;
        if (row === undefined) this.#unread.delete(at);
        else
          this.#set(at, [
            row.uid,
            row.internalDate,
            row.saveDate,
            row.size,
            row.sent,
            row.sentDay,
            row.contentId === null ? 1 : 0,
            row.zone,
          ]);
        if (++n % step === 0) await share.next();
      }
    }
    for (;;) {
      const last = this.#count === 0 ? 0 : this.#uids[this.#count - 1]!;
      const rows = this.#reader().messages.keys(this.#mailbox, last, step);
      for (const row of rows) this.#push(row);
      if (rows.length < step) return;
      await share.next();
    }
  }

  clear(): void {
    this.#version++;
    this.#count = 0;
    this.#unread.clear();
    this.#texts = [];
    holders.delete(this);
  }

  #push(row: KeyRecord): void {
    const at = this.#count++;
    if (at === this.#uids.length) {
      const size = Math.max(64, Math.ceil(at * 1.5));
      this.#uids = grown(this.#uids, size);
      this.#internalDates = grown(this.#internalDates, size);
      this.#zones = grown(this.#zones, size);
      this.#saveDates = grown(this.#saveDates, size);
      this.#sizes = grown(this.#sizes, size);
      this.#sent = grown(this.#sent, size);
      this.#sentDays = grown(this.#sentDays, size);
    }
    this.#uids[at] = row[0];
    this.#set(at, row);
  }

  #set(at: number, [, internalDate, saveDate, size, sent, sentDay, isUnread, zone]: KeyRecord): void {
    this.#internalDates[at] = internalDate;
    this.#zones[at] = zone ?? noZone;
    this.#saveDates[at] = saveDate;
    this.#sizes[at] = size;
    this.#sent[at] = sent ?? Number.NaN;
    this.#sentDays[at] = sentDay ?? Number.NaN;
    if (isUnread === 1) this.#unread.add(at);
    else this.#unread.delete(at);
  }

  /** Place of a message that `load` has met and whose content was read; -1: ask its row. */
  place(uid: number): number {
    const at = find(this.#uids, this.#count, uid);
    return at >= 0 && this.#unread.has(at) ? -1 : at;
  }

  size(at: number): number {
    return this.#sizes[at]!;
  }

  internalDate(at: number): number {
    return this.#internalDates[at]!;
  }

  /** Of the internal date, minutes ahead of UTC; null: this host's at that time. */
  zone(at: number): number | null {
    const zone = this.#zones[at]!;
    return zone === noZone ? null : zone;
  }

  saveDate(at: number): number {
    return this.#saveDates[at]!;
  }

  /** As written in the Date field, else of the internal date. RFC 9051 6.4.4 */
  sentDay(at: number): number {
    const written = this.#sentDays[at]!;
    return Number.isNaN(written) ? shownDay(this.#internalDates[at]!, this.zone(at)) : written;
  }

  /** What to compare of those of `uids` (ascending) that are here. @param withText else `keys` has `sent` only */
  async items(uids: ArrayLike<number>, withText: boolean): Promise<SortItem[]> {
    await this.load();
    const items: SortItem[] = [];
    const share = new Share();
    const lookUp: number[] = [];
    for (let i = 0; i < uids.length; i++) {
      if (withText && i % itemStep === 0) this.#readTexts(uids, i, Math.min(i + itemStep, uids.length));
      const uid = uids[i]!;
      const at = this.place(uid);
      if (at === -1) lookUp.push(uid);
      else {
        const sent = this.#sent[at]!;
        const keys = withText ? this.#text(at) : ({ sent: Number.isNaN(sent) ? null : sent } as SortKeys);
        if (keys === null) lookUp.push(uid);
        else items.push({ uid, internalDate: this.#internalDates[at]!, size: this.#sizes[at]!, keys });
      }
      if (i % itemStep === itemStep - 1) await share.next();
    }
    if (withText) this.#hold();
    if (lookUp.length === 0) return items;
    return [...items, ...(await this.#look(lookUp))].sort((a, b) => a.uid - b.uid);
  }

  /** The same of a key that is a number, as columns. */
  async column(uids: ArrayLike<number>, key: NumberKey): Promise<SortColumn> {
    await this.load();
    const values = new Float64Array(uids.length);
    let at = 0;
    for (let i = 0; i < uids.length; i++) {
      while (at < this.#count && this.#uids[at]! < uids[i]!) at++;
      // Some are gone, or to be looked up: for what their text says.
      if (at === this.#count || this.#uids[at] !== uids[i] || (key !== 'arrival' && this.#unread.size > 0 && this.#unread.has(at)))
        return columnOf(await this.items(uids, false), key);
      values[i] = this.#number(at, key);
    }
    return { uids, values };
  }

  #number(at: number, key: NumberKey): number {
    if (key === 'size') return this.#sizes[at]!;
    const sent = key === 'date' ? this.#sent[at]! : Number.NaN;
    return Number.isNaN(sent) ? this.#internalDates[at]! : sent;
  }

  /** Many that lie close together are read at a fifth of what they cost one by one. */
  #readTexts(uids: ArrayLike<number>, from: number, to: number): void {
    const [first, last] = [uids[from]!, uids[to - 1]!];
    if (to - from < 4 || last - first > 2 * (to - from) || this.#texts[this.place(first)] !== undefined) return;
    const [list, texts] = this.#reader().messages.sortKeysBetween(this.#mailbox, first, last);
    const keys = texts === null ? [] : (JSON.parse(`[${texts}]`) as SortKeys[]);
    for (const [n, uid] of numbers(list).entries()) {
      const at = this.place(uid);
      if (at >= 0) this.#texts[at] ??= keys[n]!;
    }
  }

  #text(at: number): SortKeys | null {
    let keys = this.#texts[at];
    if (keys === undefined) {
      const reader = this.#reader();
      const json = reader.messages.sortKeys(this.#mailbox, this.#uids[at]!);
      if (json === undefined) return null;
      keys = JSON.parse(json) as SortKeys;
      this.#texts[at] = keys;
    }
    return keys;
  }

  /** Lets go of other mailboxes' texts, those not asked for longest first, while there are too many. */
  #hold(): void {
    holders.delete(this);
    holders.add(this);
    let sum = 0;
    for (const one of holders) sum += one.#texts.length;
    for (const one of holders) {
      if (sum <= keptTexts) return;
      sum -= one.#texts.length;
      one.#texts = [];
      holders.delete(one);
    }
  }
}
