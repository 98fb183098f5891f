import type { SortKeys } from '../mail/mime/part.ts';
import type { MailboxId } from '../mail/numbers.ts';
import { type SortCriterion, type SortItem, type SortKey, sortMessages } from '../mail/sort.ts';
import type { AccountStore } from '../store/store.ts';
import { Share } from './share.ts';

/** Where a criterion's value lies in the row's sort keys; those that are not there come with every row. */
const fields: Partial<Record<SortKey, keyof SortKeys>> = {
  cc: 'cc',
  date: 'sent',
  from: 'from',
  subject: 'subject',
  to: 'to',
  displayfrom: 'displayFrom',
  displayto: 'displayTo',
};

/** UIDs in the order the criteria ask for. RFC 5256 3 */
export async function sorted(
  mail: AccountStore,
  id: MailboxId,
  uids: Uint32Array,
  criteria: readonly SortCriterion[],
): Promise<readonly number[]> {
  const wanted = [...new Set(criteria.flatMap(({ key }) => fields[key] ?? []))];
  const patterns = wanted.map((field) => [field, new RegExp(`"${field}":(null|-?\\d+|"(?:[^"\\\\]|\\\\.)*")`)] as const);
  // Reading a whole set of keys costs ten times as much as finding one in its text; quotes inside values are escaped there.
  const keys = (json: string): SortKeys => {
    const found: Record<string, unknown> = {};
    for (const [field, pattern] of patterns) {
      const value = pattern.exec(json)?.[1];
      if (value === undefined) return JSON.parse(json) as SortKeys;
      found[field] = value.startsWith('"') && !value.includes('\\') ? value.slice(1, -1) : JSON.parse(value);
    }
    return found as unknown as SortKeys;
  };
  return sortMessages(await sortItems(mail, id, uids, wanted.length === 0 ? null : keys), criteria).map((item) => item.uid);
}

export const allKeys = (json: string): SortKeys => JSON.parse(json) as SortKeys;

/** What SORT and THREAD compare, of every message. @param read null: the row alone is enough */
export async function sortItems(
  mail: AccountStore,
  id: MailboxId,
  uids: Uint32Array,
  read: ((json: string) => SortKeys) | null,
): Promise<SortItem[]> {
  const items: SortItem[] = [];
  const share = new Share();
  for (const rows of mail.fetch(id, uids, read === null ? [] : ['sortKeys'])) {
    for (const { uid, internalDate, size, sortKeys } of rows) {
      items.push({ uid, internalDate, size, keys: (read === null ? null : read(sortKeys!)) as SortKeys });
    }
    await share.next();
  }
  return items;
}
