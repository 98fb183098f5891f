import { baseSubject } from '../base-subject.ts';
import { casemap } from '../casemap.ts';
import { decodeRaw } from '../charset.ts';
import { parseDate } from '../date.ts';
import type { AddressEntry } from '../header/addresses.ts';
import { decodeWords } from '../header/words.ts';
import type { SortKeys } from './part.ts';
import type { EnvelopeFields } from './wire.ts';

const maxReferences = 200;
const maxId = 998;

/** RFC 5256 2 and 3, RFC 5957 3. */
export function sortKeys(fields: EnvelopeFields): SortKeys {
  const [from, to, cc] = [first(fields, 'from'), first(fields, 'to'), first(fields, 'cc')];
  const sent = fields.text('date');
  const date = sent === null ? null : parseDate(sent);
  const references = messageIds(fields.text('references') ?? '');
  return {
    ...baseSubject(decodeWords(fields.text('subject') ?? '')),
    from: mailbox(from),
    to: mailbox(to),
    cc: mailbox(cc),
    displayFrom: display(from),
    displayTo: display(to),
    sent: date === null ? null : date.time,
    sentDay: date === null ? null : date.day,
    messageId: messageIds(fields.text('message-id') ?? '')[0] ?? null,
    // In-Reply-To counts only where References has no valid id. RFC 5256 3
    references: references.length > 0 ? references : messageIds(fields.text('in-reply-to') ?? '').slice(0, 1),
  };
}

/** The first entry; of a group its name counts as the mailbox. RFC 5256 2 */
function first(fields: EnvelopeFields, key: 'from' | 'to' | 'cc'): AddressEntry | null {
  return fields.addresses(key)[0] ?? null;
}

function mailbox(entry: AddressEntry | null): string {
  return entry === null || entry.mailbox === null || entry.mailbox === 'MISSING_MAILBOX' ? '' : casemap(decodeRaw(entry.mailbox));
}

/** Display name, else the address; a group's name. RFC 5957 3 */
function display(entry: AddressEntry | null): string {
  if (entry === null) return '';
  if (entry.name !== null && entry.name !== '') return casemap(decodeWords(entry.name).trim());
  const local = decodeRaw(entry.mailbox ?? '');
  return casemap(entry.domain === null ? local : `${local}@${decodeRaw(entry.domain)}`);
}

/** The msg-ids in a field, in order, without brackets and quotes; other words are passed over. RFC 5256 3, RFC 5322 3.6.4 */
export function messageIds(body: string): string[] {
  const ids: string[] = [];
  let at = body.indexOf('<');
  while (at >= 0) {
    const end = body.indexOf('>', at);
    if (end < 0) break;
    // A broken one without its end: start again at the last bracket before it.
    const start = body.lastIndexOf('<', end) + 1;
    const id = body.slice(start, end).replace(/[ \t\r\n]+/g, '');
    if (id.length > 0 && id.length <= maxId && id.includes('@'))
      ids.push(id.includes('"') ? id.replace(/"((?:[^"\\]|\\.)*)"/g, (_, quoted: string) => quoted.replace(/\\(.)/g, '$1')) : id);
    at = body.indexOf('<', end);
  }
  // The last ones are nearest to the message.
  return ids.length > maxReferences ? [ids[0]!, ...ids.slice(1 - maxReferences)] : ids;
}
