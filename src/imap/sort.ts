import { inSlices } from '../base/slices.ts';
import type { MailboxId } from '../mail/numbers.ts';
import { comparator, type SortCriterion, type SortItem, type SortKey, sortMessages } from '../mail/sort.ts';
import { onlyNumber, sortedPlaces } from '../mail/sort-numbers.ts';
import type { AccountStore } from '../store/store.ts';

/** Criteria that need no text of the message. */
const numbers: readonly SortKey[] = ['arrival', 'date', 'size', 'relevancy'];

const needsText = (criteria: readonly SortCriterion[]): boolean => criteria.some(({ key }) => !numbers.includes(key));

/** UIDs in the order the criteria ask for. RFC 5256 3 */
export async function sorted(
  mail: AccountStore,
  id: MailboxId,
  uids: Uint32Array,
  criteria: readonly SortCriterion[],
  scores: ReadonlyMap<number, number> | null = null,
): Promise<readonly number[]> {
  const single = onlyNumber(criteria);
  if (single !== null) {
    const { uids: found, values } = await mail.sortColumn(id, uids, single.key);
    return Array.from(await inSlices(sortedPlaces(values, single.reverse)), (at) => found[at]!);
  }
  const items = await mail.sortItems(id, uids, needsText(criteria));
  return (await inSlices(sortMessages(items, criteria, scores ?? undefined))).map((item) => item.uid);
}

/**
 * Where each of `fresh` (in sort order) belongs in `order`: the place of the first one that comes after it. Looks at few of a long
 * `order`; those whose messages are gone meanwhile are passed over.
 */
export async function insertionPlaces(
  mail: AccountStore,
  id: MailboxId,
  order: readonly number[],
  fresh: readonly number[],
  criteria: readonly SortCriterion[],
): Promise<number[]> {
  const withText = needsText(criteria);
  const compare = comparator(criteria);
  const itemOf = async (uid: number): Promise<SortItem | undefined> => (await mail.sortItems(id, [uid], withText))[0];
  const places: number[] = [];
  let low = 0;
  for (const uid of fresh) {
    const item = await itemOf(uid);
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
