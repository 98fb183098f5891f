import { createHash } from 'node:crypto';
import type { Sliced } from '../base/slices.ts';
import { type UidlFormat, uidlFormat } from './grammar/uidl-format.ts';

/** Made between two yields. */
const step = 256;

export interface UidlSource {
  readonly uid: number;
  readonly uidValidity: number;
  /** Base name of the file. */
  readonly fileName: string;
}

/**
 * The unique-ids of a maildrop, in order: 1 to 70 characters from 0x21 to 0x7E, no two alike. RFC 1939 7
 *
 * Without a format it is the part of the file's name before the first comma, which stays when a message is moved or copied.
 */
export function* uidls(format: UidlFormat | null, messages: Iterable<UidlSource>): Sliced<string[]> {
  const taken = new Set<string>();
  const ids: string[] = [];
  for (const { uid, uidValidity, fileName } of messages) {
    const comma = fileName.indexOf(',');
    const guid = comma < 0 ? fileName : fileName.slice(0, comma);
    const wanted = sendable(format === null ? guid : format({ uid, uidValidity, guid, fileName }));
    // A copy beside its original: the UID tells them apart, whichever of them goes first.
    const id = taken.has(wanted) ? sendable(`${wanted}.${uid}`) : wanted;
    taken.add(id);
    ids.push(id);
    if (ids.length % step === 0) yield;
  }
  return ids;
}

function sendable(id: string): string {
  return /^[\x21-\x7e]{1,70}$/.test(id) ? id : createHash('sha256').update(id).digest('base64url');
}

/** @throws RangeError */
export function uidlFormatOf(text: string): UidlFormat | null {
  return text === '' ? null : uidlFormat(text);
}
