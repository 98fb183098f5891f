import { Fault } from '../../mail/fault.ts';
import { Cursor } from './cursor.ts';
import { type Section, section } from './section.ts';

/** A message or a part of one, by URL. RFC 5092 */
export interface ImapUrl {
  /** Unicode: URLs carry UTF-8. */
  readonly mailbox: string;
  readonly uidValidity: number | null;
  readonly uid: number;
  readonly section: Section;
  readonly partial: { readonly offset: number; readonly length: number | null } | null;
}

const path =
  /^\/?([^;]*?)(?:;UIDVALIDITY=(\d{1,10}))?\/?;UID=(\d{1,10})(?:\/?;SECTION=([^;]*?))?(?:\/?;PARTIAL=(\d{1,15})(?:\.(\d{1,15}))?)?$/i;

/**
 *     imessagepart = enc-mailbox [uidvalidity] iuid [isection] [ipartial], relative or behind imap://server/
 *
 * @throws Fault unsupported
 */
export function imapUrl(url: string): ImapUrl {
  const rest = url.replace(/^imap:\/\/[^/]*/i, '');
  const match = path.exec(rest);
  if (match === null || match[1] === '') throw badUrl();
  const [, name, uidValidity, uid, spec, offset, length] = match;
  let mailbox: string;
  let what: Section;
  try {
    mailbox = decodeURIComponent(name!);
    what = section(new Cursor(`[${decodeURIComponent(spec ?? '')}]`));
  } catch {
    throw badUrl();
  }
  if (Number(uid) === 0) throw badUrl();
  return {
    mailbox: /^inbox$/i.test(mailbox) ? 'INBOX' : mailbox,
    uidValidity: uidValidity === undefined ? null : Number(uidValidity),
    uid: Number(uid),
    section: what,
    partial: offset === undefined ? null : { offset: Number(offset), length: length === undefined ? null : Number(length) },
  };
}

function badUrl(): Fault {
  return new Fault('unsupported', 'not an IMAP URL');
}
