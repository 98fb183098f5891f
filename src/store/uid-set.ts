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

  /** Those of `uids`, ascending, that are in the set: costs what is in the set, not what is in `uids`. */
  among(uids: Uint32Array): Uint32Array {
    const found = new Uint32Array(this.#size);
    let count = 0;
    let at = 0;
    for (const number of Array.from(this.#pages.keys()).sort((a, b) => a - b)) {
      const page = this.#pages.get(number)!;
      const first = number * 2 ** pageBits;
      for (let word = 0; word < page.length; word++) {
        for (let bits = page[word]!; bits !== 0; bits &= bits - 1) {
          const uid = first + word * 32 + 31 - Math.clz32(bits & -bits);
          if (uids[at] !== uid) at = lowerBound(uids, uids.length, uid, at);
          if (uids[at] === uid) found[count++] = uid;
        }
      }
    }
    return found.subarray(0, count);
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

/** The first place of a UID that is `uid` or above, among the first `count`, ascending, from one on. */
export function lowerBound(uids: Uint32Array, count: number, uid: number, from = 0): number {
  let low = from;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uids[middle]! < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}
