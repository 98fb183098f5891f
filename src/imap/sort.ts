import { setImmediate as turn } from 'node:timers/promises';
import type { SortKeys } from '../mail/mime/part.ts';
import type { MailboxId } from '../mail/numbers.ts';
import { type SortCriterion, type SortItem, sortMessages } from '../mail/sort.ts';
import type { AccountStore } from '../store/store.ts';

const share = 10;

/** UIDs in the order the criteria ask for. RFC 5256 3 */
export async function sorted(
  mail: AccountStore,
  id: MailboxId,
  uids: Uint32Array,
  criteria: readonly SortCriterion[],
): Promise<readonly number[]> {
  const fromRow = criteria.every(({ key }) => key === 'arrival' || key === 'size');
  return sortMessages(await sortItems(mail, id, uids, !fromRow), criteria).map((item) => item.uid);
}

/** What SORT and THREAD compare, of every message. */
export async function sortItems(mail: AccountStore, id: MailboxId, uids: Uint32Array, withKeys: boolean): Promise<SortItem[]> {
  const items: SortItem[] = [];
  let since = performance.now();
  for (const rows of mail.fetch(id, uids, withKeys ? ['sortKeys'] : [])) {
    for (const { uid, internalDate, size, sortKeys } of rows) {
      items.push({ uid, internalDate, size, keys: (withKeys ? JSON.parse(sortKeys!) : null) as SortKeys });
    }
    if (performance.now() - since > share) {
      await turn();
      since = performance.now();
    }
  }
  return items;
}
