import { bodyStructure, emailId, envelope, flags, internalDate, modSeq, preview, rfc822Size, saveDate, threadId, uid } from './basic.ts';
import { binary, binaryPeek, binarySize } from './binary.ts';
import { body, bodyPeek, rfc822, rfc822Header, rfc822Text } from './body.ts';
import type { FetchItemRow } from './item.ts';

/** Every FETCH item. RFC 9051 6.4.5 */
export const fetchItemRows: readonly FetchItemRow[] = [
  uid,
  flags,
  modSeq,
  internalDate,
  rfc822Size,
  envelope,
  bodyStructure,
  body,
  bodyPeek,
  rfc822,
  rfc822Header,
  rfc822Text,
  binary,
  binaryPeek,
  binarySize,
  emailId,
  threadId,
  saveDate,
  preview,
];

export const fetchItemsByName: ReadonlyMap<string, FetchItemRow> = new Map(fetchItemRows.map((row) => [row.name, row]));
