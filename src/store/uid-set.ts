/** UIDs of a page: 8 KiB of bits. */
const pageBits = 16;

/** A set of UIDs as pages of bits: a tenth of what a `Set` of many costs to fill and to ask, and little to collect. */
export class UidSet {
  readonly #pages = new Map<number, Uint32Array>();
  #number = -1;
  #page: Uint32Array | undefined;
  #size = 0;

  constructor(uids: Iterable<number> = []) {
    for (const uid of uids) this.add(uid);
  }

  get size(): number {
    return this.#size;
  }

  add(uid: number): void {
    let page = this.#at(uid);
    if (page === undefined) {
      page = new Uint32Array(1 << (pageBits - 5));
      this.#pages.set(uid >>> pageBits, page);
      this.#page = page;
    }
    const word = (uid & 0xffff) >>> 5;
    const bit = 1 << (uid & 31);
    if ((page[word]! & bit) !== 0) return;
    page[word]! |= bit;
    this.#size++;
  }

  has(uid: number): boolean {
    const page = this.#at(uid);
    return page !== undefined && (page[(uid & 0xffff) >>> 5]! & (1 << (uid & 31))) !== 0;
  }

  /** The page of a UID. Most often it is the one asked for last. */
  #at(uid: number): Uint32Array | undefined {
    const number = uid >>> pageBits;
    if (number !== this.#number) {
      this.#number = number;
      this.#page = this.#pages.get(number);
    }
    return this.#page;
  }
}

/** The first place of a UID that is `uid` or above, among the first `count`, ascending. */
export function lowerBound(uids: Uint32Array, count: number, uid: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uids[middle]! < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}
