import { createHash } from 'node:crypto';
import { type UidlFormat, uidlFormat } from './grammar/uidl-format.ts';

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
export function uidls(format: UidlFormat | null, messages: readonly UidlSource[]): string[] {
  const taken = new Set<string>();
  return messages.map(({ uid, uidValidity, fileName }) => {
    const guid = /^[^,]*/.exec(fileName)![0];
    const wanted = sendable(format === null ? guid : format({ uid, uidValidity, guid, fileName }));
    // A copy beside its original: the UID tells them apart, whichever of them goes first.
    const id = taken.has(wanted) ? sendable(`${wanted}.${uid}`) : wanted;
    taken.add(id);
    return id;
  });
}

function sendable(id: string): string {
  return /^[\x21-\x7e]{1,70}$/.test(id) ? id : createHash('sha256').update(id).digest('base64url');
}

/** @throws RangeError */
export function uidlFormatOf(text: string): UidlFormat | null {
  return text === '' ? null : uidlFormat(text);
}
