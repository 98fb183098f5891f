import { charsetDecoder, decodeRaw } from '../charset.ts';
import { addressList } from '../header/addresses.ts';
import { fieldBody, splitHeader } from '../header/fields.ts';
import { paramText } from '../header/params.ts';
import { decodeWords } from '../header/words.ts';
import { htmlText } from './html.ts';
import type { Part } from './part.ts';
import { mimeLimits } from './reader.ts';
import { transferDecoder } from './transfer.ts';

/** Octets of the file from one offset to another; fewer only at the end. */
export type ReadOctets = (from: number, to: number) => Buffer;

/** Octets read at once. */
const step = 64 << 10;
/** Octets of one header that are looked at. */
const headerOctets = mimeLimits.header;
/** HTML is stripped in pieces of about this many characters. */
const htmlStep = 256 << 10;

const addressKeys = new Set([
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'resent-from',
  'resent-sender',
  'resent-to',
  'resent-cc',
  'resent-bcc',
]);

const placeholders = new Set(['MISSING_DOMAIN', 'SYNTAX_ERROR']);

/**
 * A field's body as text people read: encoded words and 8-bit decoded, unfolded. Addresses that are written with comments or white
 * space inside follow in their plain form, so that they are found by it.
 */
export function fieldText(key: string, body: string): string {
  const text = decodeWords(body);
  if (!addressKeys.has(key) || !/[(\\]|\s@|@\s|\s\.|\.\s/.test(body)) return text;
  const plain = addressList(body, 1000)
    .filter(({ domain, mailbox }) => mailbox !== null && domain !== null && mailbox !== 'MISSING_MAILBOX' && !placeholders.has(domain))
    .map(({ mailbox, domain }) => decodeRaw(`${mailbox}@${domain}`));
  return plain.every((address) => text.includes(address)) ? text : `${text}\t${plain.join(', ')}`;
}

/** Fields of a header as text, one a line, with their names. */
export function headerText(raw: Buffer | string): string {
  const text = typeof raw === 'string' ? raw.slice(0, headerOctets) : raw.toString('latin1', 0, headerOctets);
  let decoded = '';
  for (const field of splitHeader(text)) decoded += `${field.name}: ${fieldText(field.key, fieldBody(text, field))}\n`;
  return decoded;
}

/**
 * What SEARCH BODY looks through, in pieces, each a run of text of its own: text parts decoded (HTML without its tags), headers
 * of messages inside, descriptions and names of attachments. A piece goes on where the one before ended when `joins`.
 */
export function* bodyText(root: Part, read: ReadOctets): Generator<{ readonly text: string; readonly joins: boolean }> {
  const stack: Part[] = [root];
  for (let part = stack.pop(); part !== undefined; part = stack.pop()) {
    if (part !== root) {
      const about = partNames(part);
      if (about !== '') yield { text: about, joins: false };
    }
    if (part.parts !== undefined) for (let i = part.parts.length - 1; i >= 0; i--) stack.push(part.parts[i]!);
    else if (part.message !== undefined) {
      const inner = part.message.root;
      yield { text: headerText(read(inner.header, Math.min(inner.start, inner.header + headerOctets))), joins: false };
      stack.push(inner);
    } else if (part.type === 'text') yield* leafText(part, read);
  }
}

/** Names and description of a part, one a line. */
function partNames(part: Part): string {
  const names = [paramText(part.params, 'name'), part.disposition === null ? null : paramText(part.disposition.params, 'filename')];
  if (part.description !== null) names.push(decodeWords(part.description));
  return [...new Set(names)].filter((name) => name !== null && name !== '').join('\n');
}

function* leafText(part: Part, read: ReadOctets): Generator<{ text: string; joins: boolean }> {
  const isHtml = part.subtype === 'html';
  const transfer = transferDecoder(part.encoding);
  const charset = charsetDecoder(paramText(part.params, 'charset') ?? '');
  let held = '';
  let joins = false;
  for (let from = part.start; from < part.end; from += step) {
    const octets = read(from, Math.min(from + step, part.end));
    held += charset.write(transfer.write(octets));
    if (held === '' || (isHtml && held.length < htmlStep)) continue;
    yield { text: isHtml ? htmlText(held) : held, joins };
    held = '';
    joins = true;
    if (octets.length === 0) break;
  }
  held += charset.write(transfer.end()) + charset.end();
  if (held !== '') yield { text: isHtml ? htmlText(held) : held, joins };
}
