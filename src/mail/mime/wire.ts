import { type AddressEntry, addressList } from '../header/addresses.ts';
import { fieldBody, type HeaderField } from '../header/fields.ts';
import type { Part } from './part.ts';

/** Longer strings go as literals: some clients read quoted strings into small buffers. */
const longestQuoted = 1000;

/** nstring of latin1 octets: NIL, quoted, or a literal where it holds 8-bit, CR, LF, NUL or much to escape. RFC 9051 9 */
export function nstring(text: string | null): string {
  return text === null ? 'NIL' : imapString(text);
}

export function imapString(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (text.length <= longestQuoted && /^[\x01-\x09\x0b\x0c\x0e-\x7f]*$/.test(text)) {
    return text.includes('"') || text.includes('\\') ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
  }
  // NUL is allowed in no string; Dovecot puts octet 128 in its place.
  const octets = text.replaceAll('\0', '\x80');
  return `{${octets.length}}\r\n${octets}`;
}

/** Runs of white space become one space; for what people read. */
function collapsed(text: string): string {
  return /[\t\r\n]| {2}|^ | $/.test(text) ? text.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '') : text;
}

const addressKeys = ['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'] as const;
const textKeys = ['date', 'subject', 'in-reply-to', 'message-id', 'references'] as const;
type AddressKey = (typeof addressKeys)[number];
type TextKey = (typeof textKeys)[number];
const isAddressKey = new Set<string>(addressKeys);
const isTextKey = new Set<string>(textKeys);

/** Addresses of one kind in one header, at most. */
const maxAddresses = 20_000;

/** The fields that ENVELOPE and sort keys are made of, unfolded. Of several of one name the last counts; addresses of all do. As Dovecot. */
export class EnvelopeFields {
  readonly #texts = new Map<string, string>();
  readonly #bodies = new Map<string, string[]>();
  readonly #lists = new Map<AddressKey, AddressEntry[]>();

  constructor(text: string, fields: readonly HeaderField[]) {
    for (const field of fields) {
      const { key } = field;
      if (isTextKey.has(key)) this.#texts.set(key, fieldBody(text, field));
      else if (isAddressKey.has(key)) {
        const bodies = this.#bodies.get(key);
        if (bodies === undefined) this.#bodies.set(key, [fieldBody(text, field)]);
        else bodies.push(fieldBody(text, field));
      }
    }
  }

  text(key: TextKey): string | null {
    return this.#texts.get(key) ?? null;
  }

  addresses(key: AddressKey): readonly AddressEntry[] {
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = [];
      for (const body of this.#bodies.get(key) ?? []) {
        if (list.length >= maxAddresses) break;
        const more = addressList(body, maxAddresses - list.length);
        list = list.length === 0 ? more : list.concat(more);
      }
      this.#lists.set(key, list);
    }
    return list;
  }
}

function addresses(entries: readonly AddressEntry[]): string {
  if (entries.length === 0) return 'NIL';
  let list = '(';
  for (const { name, route, mailbox, domain } of entries) {
    list += `(${name === null ? 'NIL' : imapString(collapsed(name))} ${nstring(route)} ${nstring(mailbox)} ${nstring(domain)})`;
  }
  return `${list})`;
}

/**
 * ENVELOPE with its parentheses. An absent or empty Sender or Reply-To is the From; an empty Date, Subject and so on is an empty
 * string, an absent one NIL. RFC 9051 7.5.2
 */
export function envelopeWire(fields: EnvelopeFields): string {
  const subject = fields.text('subject');
  const from = addresses(fields.addresses('from'));
  const list = (key: AddressKey): string => addresses(fields.addresses(key));
  const orFrom = (wire: string): string => (wire === 'NIL' ? from : wire);
  const text = (key: TextKey): string => nstring(fields.text(key));
  return `(${text('date')} ${subject === null ? 'NIL' : imapString(collapsed(subject))} ${from} ${orFrom(list('sender'))} ${orFrom(list('reply-to'))} ${list('to')} ${list('cc')} ${list('bcc')} ${text('in-reply-to')} ${text('message-id')})`;
}

function params(list: readonly (readonly [string, string])[]): string {
  if (list.length === 0) return 'NIL';
  let wire = '';
  for (const [name, value] of list) wire += `${wire === '' ? '(' : ' '}${imapString(name)} ${imapString(value)}`;
  return `${wire})`;
}

/** A multipart must have a part: one without is given an empty one. */
const emptyPart = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0';

/** BODY, or BODYSTRUCTURE when `extended`. RFC 9051 7.5.2 */
export function bodyWire(part: Part, extended: boolean): string {
  if (part.type === 'multipart') {
    const children = part.parts ?? [];
    let wire = '(';
    for (const child of children) wire += bodyWire(child, extended);
    if (children.length === 0) wire += `${emptyPart}${extended ? ' NIL NIL NIL NIL' : ''})`;
    wire += ` ${imapString(part.subtype)}`;
    return extended ? `${wire} ${params(part.params)} ${extension(part)})` : `${wire})`;
  }
  const isText = part.type === 'text';
  const list =
    isText && !part.params.some(([name]) => name === 'charset' || name === 'charset*')
      ? [...part.params, ['charset', 'us-ascii'] as const]
      : part.params;
  let wire = `(${imapString(part.type)} ${imapString(part.subtype)} ${params(list)} ${nstring(part.id)} ${nstring(part.description)} ${imapString(part.encoding)} ${part.size}`;
  if (part.message !== undefined) wire += ` ${part.message.envelope} ${bodyWire(part.message.root, extended)} ${part.lines}`;
  else if (isText) wire += ` ${part.lines}`;
  return extended ? `${wire} ${nstring(part.md5)} ${extension(part)})` : `${wire})`;
}

/** body-fld-dsp SP body-fld-lang SP body-fld-loc */
function extension({ disposition, language, location }: Part): string {
  const dsp = disposition === null ? 'NIL' : `(${imapString(disposition.type)} ${params(disposition.params)})`;
  const lang = language.length === 0 ? 'NIL' : `(${language.map(imapString).join(' ')})`;
  return `${dsp} ${lang} ${nstring(location)}`;
}
