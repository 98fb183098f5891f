import { type Sliced, sliceSort } from '../base/slices.ts';
import type { SortKeys } from './mime/part.ts';

export type SortKey = 'arrival' | 'cc' | 'date' | 'from' | 'size' | 'subject' | 'to' | 'displayfrom' | 'displayto' | 'relevancy';

/** RFC 5256 3, RFC 5957 4, RFC 6203 6 */
export interface SortCriterion {
  readonly key: SortKey;
  readonly reverse: boolean;
}

/** What is compared of one message. */
export interface SortItem {
  readonly uid: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  readonly size: number;
  readonly keys: SortKeys;
}

/** Sent date, else the internal date. RFC 5256 2.2 */
export function sentDate(item: Pick<SortItem, 'internalDate' | 'keys'>): number {
  return item.keys.sent ?? item.internalDate;
}

const values: { readonly [K in Exclude<SortKey, 'relevancy'>]: (item: SortItem) => number | string } = {
  arrival: (item) => item.internalDate,
  cc: (item) => item.keys.cc,
  date: sentDate,
  from: (item) => item.keys.from,
  size: (item) => item.size,
  subject: (item) => item.keys.subject,
  to: (item) => item.keys.to,
  displayfrom: (item) => item.keys.displayFrom,
  displayto: (item) => item.keys.displayTo,
};

/** Relevancy by UID. */
type Scores = ReadonlyMap<number, number>;
const noScores: Scores = new Map();

/** Compares by the criteria in turn; equal messages keep mailbox order, which REVERSE does not turn. RFC 5256 3 */
export function comparator(criteria: readonly SortCriterion[], scores: Scores = noScores): (a: SortItem, b: SortItem) => number {
  // The highest score first. RFC 6203 6
  const score = (item: SortItem): number => -(scores.get(item.uid) ?? 0);
  const steps = criteria.map(({ key, reverse }) => ({ value: key === 'relevancy' ? score : values[key], sign: reverse ? -1 : 1 }));
  return (a, b) => {
    for (const { value, sign } of steps) {
      const left = value(a);
      const right = value(b);
      // UTF-16 order differs from code points only above U+FFFF; RFC 5051 wants octet order of UTF-8.
      if (left !== right) return left < right ? -sign : sign;
    }
    return a.uid - b.uid;
  };
}

/**
 * Where each of `fresh` (in sort order) belongs in `order`: the place of the first one that comes after it. Looks at few of a long
 * `order`; those whose messages are gone meanwhile are passed over.
 */
export async function insertionPlaces(
  itemOf: (uid: number) => Promise<SortItem | undefined>,
  order: ArrayLike<number>,
  fresh: ArrayLike<number>,
  criteria: readonly SortCriterion[],
): Promise<number[]> {
  const compare = comparator(criteria);
  const places: number[] = [];
  let low = 0;
  for (let i = 0; i < fresh.length; i++) {
    const item = await itemOf(fresh[i]!);
    let high = item === undefined ? low : order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let probe = middle;
      let other = await itemOf(order[probe]!);
      while (other === undefined && ++probe < high) other = await itemOf(order[probe]!);
      if (other === undefined || compare(other, item!) > 0) high = middle;
      else low = probe + 1;
    }
    places.push(low);
  }
  return places;
}

/** Criteria that need no text of the message. */
const numbers: readonly SortKey[] = ['arrival', 'date', 'size', 'relevancy'];

export const needsText = (criteria: readonly SortCriterion[]): boolean => criteria.some(({ key }) => !numbers.includes(key));

/** UIDs in the order the criteria ask for. */
export function* sortedUids(items: readonly SortItem[], criteria: readonly SortCriterion[], scores?: Scores): Sliced<Uint32Array> {
  const sorted = yield* sliceSort(items, comparator(criteria, scores));
  yield;
  const uids = new Uint32Array(sorted.length);
  for (let n = 0; n < uids.length; n++) uids[n] = sorted[n]!.uid;
  return uids;
}
