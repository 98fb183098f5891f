import { Fault } from '../mail/fault.ts';
import type { Mailbox } from '../store/store.ts';
import { string } from './grammar/format.ts';
import type { GetMetadataOptions } from './grammar/metadata.ts';
import type { Session } from './session.ts';

export const specialUses: readonly string[] = ['\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash'];
/** Octets of one value. */
export const largestValue = 64 << 10;

export const privateSpecialUse = '/private/specialuse';

/** Whose row an entry is. */
export const ownerOfEntry = (session: Session, entry: string): string => (entry.startsWith('/private/') ? session.mail!.user : '');

/** What a user may read about a mailbox, or (null) about the server, by entry; octets. @throws Fault noPermission, noSuchMailbox */
export function annotations(session: Session, mailbox: Mailbox | null): Map<string, string> {
  const mail = session.mail!;
  const found = new Map<string, string>();
  for (const { user, entry, value } of mail.metadata(mailbox?.id ?? null)) {
    if (user === '' || user === mail.user) found.set(entry, Buffer.from(value).toString('latin1'));
  }
  // RFC 5464 6.2.1.2: whoever runs the server, by RFC 5321 4.5.1.
  if (mailbox === null) found.set('/shared/admin', `mailto:postmaster@${mail.user.slice(mail.user.lastIndexOf('@') + 1)}`);
  // RFC 6154 4
  else if (mailbox.specialUse !== null) found.set(privateSpecialUse, mailbox.specialUse);
  return found;
}

/** Sends METADATA for the entries named. @returns the largest value that was left out, 0 where none was. RFC 5464 4.2 */
export function sendMetadata(
  session: Session,
  mailbox: Mailbox | null,
  entries: readonly string[],
  { maxSize, depth }: GetMetadataOptions,
): number {
  const all = annotations(session, mailbox);
  const shown = new Map<string, string | null>();
  let leftOut = 0;
  const show = (entry: string, value: string | null): void => {
    if (value !== null && maxSize !== null && value.length > maxSize) leftOut = Math.max(leftOut, value.length);
    else shown.set(entry, value);
  };
  for (const entry of entries) {
    if (depth === 0) {
      show(entry, all.get(entry) ?? null);
      continue;
    }
    for (const [name, value] of all) {
      const below = name.startsWith(`${entry}/`) && (depth === 'infinity' || !name.slice(entry.length + 1).includes('/'));
      if (name === entry || below) show(name, value);
    }
  }
  if (shown.size === 0) return leftOut;
  const values = [...shown].map(([entry, value]) => `${entry} ${value === null ? 'NIL' : binary(value)}`);
  session.out.untagged(`METADATA ${mailbox === null ? '""' : session.toWire(mailbox.name)} (${values.join(' ')})`);
  return leftOut;
}

/** A value may be any octets. RFC 3516 4.2 (literal8) */
function binary(octets: string): string {
  if (octets.includes('\0')) return `~{${octets.length}}\r\n${octets}`;
  return /[\x80-\xff]/.test(octets) ? `{${octets.length}}\r\n${octets}` : string(octets);
}

/** The mailbox of that name, null for the server (""). @throws Fault noSuchMailbox */
export function subject(session: Session, name: string): Mailbox | null {
  if (name === '') return null;
  const found = session.mail!.find(session.fromWire(name));
  if (found === null || !found.selectable) throw new Fault('noSuchMailbox', name);
  return found;
}
