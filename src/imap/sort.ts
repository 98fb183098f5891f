import { inSlices } from '../base/slices.ts';
import type { MailboxId } from '../mail/numbers.ts';
import { needsText, type SortCriterion, sortedUids } from '../mail/sort.ts';
import type { AccountStore } from '../store/store.ts';

/** UIDs in the order the criteria ask for. RFC 5256 3 @param scores by UID, where relevancy is among them */
export async function sorted(
  mail: AccountStore,
  id: MailboxId,
  uids: Uint32Array,
  criteria: readonly SortCriterion[],
  scores: ReadonlyMap<number, number> | null = null,
): Promise<Uint32Array> {
  if (!criteria.some(({ key }) => key === 'relevancy')) return mail.sort(id, uids, criteria);
  const items = await mail.sortItems(id, uids, needsText(criteria));
  return inSlices(sortedUids(items, criteria, scores ?? undefined));
}
