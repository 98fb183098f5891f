import type { MailboxId } from '../mail/numbers.ts';
import { type SortCriterion, type SortKey, sortMessages } from '../mail/sort.ts';
import type { AccountStore } from '../store/store.ts';

/** Criteria that need no text of the message. */
const numbers: readonly SortKey[] = ['arrival', 'date', 'size'];

/** UIDs in the order the criteria ask for. RFC 5256 3 */
export async function sorted(
  mail: AccountStore,
  id: MailboxId,
  uids: Uint32Array,
  criteria: readonly SortCriterion[],
): Promise<readonly number[]> {
  const withText = criteria.some(({ key }) => !numbers.includes(key));
  return sortMessages(await mail.sortItems(id, uids, withText), criteria).map((item) => item.uid);
}
