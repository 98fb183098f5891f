/** One field of a header; offsets into the text it was read from. RFC 5322 2.2 */
export interface HeaderField {
  /** As written. */
  readonly name: string;
  /** Lower case. */
  readonly key: string;
  /** Where the name starts, where the body starts (after the colon), and where the next field starts. */
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** More fields than this are not looked at. */
const maxFields = 10_000;

/**
 * Fields of a header as latin1 text, lines ending with LF or CRLF, up to the empty line or the end.
 * A line that is neither a field nor a continuation is passed over, as Dovecot does with stored messages.
 */
export function splitHeader(text: string, limit = maxFields): HeaderField[] {
  const fields: HeaderField[] = [];
  const length = text.length;
  let at = 0;
  while (at < length && fields.length < limit) {
    const first = text.charCodeAt(at);
    if (first === 10 || (first === 13 && text.charCodeAt(at + 1) === 10)) break;
    const start = at;
    let lineEnd = text.indexOf('\n', at);
    if (lineEnd < 0) lineEnd = length;
    at = lineEnd + 1;
    for (let c = text.charCodeAt(at); c === 32 || c === 9; c = text.charCodeAt(at)) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? length : end + 1;
    }
    if (at > length) at = length;
    if (first === 32 || first === 9) continue;
    const colon = colonWithin(text, start, lineEnd);
    if (colon <= start) continue;
    let nameEnd = colon;
    // White space before the colon is obsolete but read. RFC 5322 4.5
    for (let c = text.charCodeAt(nameEnd - 1); nameEnd > start && (c === 32 || c === 9); c = text.charCodeAt(nameEnd - 1)) nameEnd--;
    const name = text.slice(start, nameEnd);
    fields.push({ name, key: name.toLowerCase(), start, value: colon + 1, end: at });
  }
  return fields;
}

/** Names are short: a colon further away than this makes no field. */
function colonWithin(text: string, start: number, end: number): number {
  const stop = Math.min(end, start + 998);
  for (let i = start; i < stop; i++) if (text.charCodeAt(i) === 58) return i;
  return -1;
}

/** Body of a field on one line: folds become one space, white space around it goes. RFC 5322 2.2.3 */
export function fieldBody(text: string, field: HeaderField): string {
  return unfold(text.slice(field.value, field.end));
}

export function unfold(raw: string): string {
  const body = trimSpace(raw);
  return body.includes('\n') ? body.replace(/\r?\n[ \t\r\n]*/g, ' ') : body;
}

/** Without SP, HTAB, CR, LF at both ends; `String.trim` would take octet A0 of a UTF-8 letter too. */
export function trimSpace(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isSpace(c: number): boolean {
  return c === 32 || c === 9 || c === 13 || c === 10;
}

/** Body of the first field called `key` (lower case), unfolded; null where there is none. */
export function firstField(text: string, fields: readonly HeaderField[], key: string): string | null {
  for (const field of fields) if (field.key === key) return fieldBody(text, field);
  return null;
}
