import { decodeCharset, decodeRaw } from '../charset.ts';
import { broken, HeaderCursor, more } from './cursor.ts';
import { decodeWords } from './words.ts';

export type Param = readonly [name: string, value: string];

/** A parameter list longer than this is cut. */
const maxParams = 200;

/** Content-Type: type and subtype in lower case, null where broken. RFC 2045 5.1 */
export function contentType(body: string): { type: string; subtype: string; params: Param[] } | null {
  const input = new HeaderCursor(body);
  if (input.skip() !== more || input.token() !== more || !input.is('/')) return null;
  const type = input.take().toLowerCase();
  input.at++;
  if (input.skip() !== more) return null;
  if (input.token() === broken) return null;
  const subtype = input.take().toLowerCase();
  if (type === '' || subtype === '') return null;
  return { type, subtype, params: parameters(input) };
}

/** Content-Disposition: its type in lower case, null where there is none. RFC 2183 2 */
export function contentDisposition(body: string): { type: string; params: Param[] } | null {
  const input = new HeaderCursor(body);
  if (input.skip() !== more) return null;
  if (input.token() === broken) return null;
  const type = input.take().toLowerCase();
  return type === '' ? null : { type, params: parameters(input) };
}

/** Content-Transfer-Encoding: one token, lower case; null where there is none. RFC 2045 6.1 */
export function singleToken(body: string): string | null {
  const input = new HeaderCursor(body);
  if (input.skip() !== more || input.token() === broken) return null;
  return input.take().toLowerCase() || null;
}

/** Content-Language: 1#Language-tag. RFC 3282 2 */
export function languageTags(body: string): string[] {
  const input = new HeaderCursor(body);
  const tags: string[] = [];
  input.skip();
  while (tags.length < 50 && input.atom() !== broken) {
    tags.push(input.take());
    if (!input.is(',')) break;
    input.at++;
    input.skip();
  }
  return tags;
}

/** `*(";" parameter)` with continuations joined. RFC 2045 5.1, RFC 2231 3 */
function parameters(input: HeaderCursor): Param[] {
  const params: Param[] = [];
  const pieces = new Map<string, { index: number; extended: boolean; value: string }[]>();
  let count = 0;
  while (count++ < maxParams && nextParam(input)) {
    const name = input.take();
    input.at++;
    const value = paramValue(input);
    const piece = /^([^*]+)\*(\d{1,4})(\*?)$/.exec(name);
    if (piece === null) params.push([name.toLowerCase(), value]);
    else {
      const key = piece[1]!.toLowerCase();
      const list = pieces.get(key) ?? [];
      list.push({ index: Number(piece[2]), extended: piece[3] === '*', value });
      pieces.set(key, list);
    }
  }
  for (const [key, list] of pieces) params.push(joinPieces(key, list));
  return params;
}

/** Reads `;` name up to its `=`; what is not so is passed over up to the next `;`. */
function nextParam(input: HeaderCursor): boolean {
  for (;;) {
    const semicolon = input.text.indexOf(';', input.at);
    if (semicolon < 0) return false;
    input.at = semicolon + 1;
    input.out = '';
    if (input.skip() !== more) return false;
    if (input.token() === more && input.out !== '' && input.is('=')) return true;
  }
}

function paramValue(input: HeaderCursor): string {
  input.out = '';
  if (input.skip() !== more) return '';
  if (input.is('"')) {
    input.quotedString();
    return input.take();
  }
  // QUIRK: name=?utf-8?b?…?= and other values that should have been quoted, up to the next semicolon or white space.
  const rest = /[^;\s]*/y;
  rest.lastIndex = input.at;
  const value = rest.exec(input.text)?.[0] ?? '';
  const comment = value.indexOf('(');
  const kept = comment < 0 ? value : value.slice(0, comment);
  input.at += kept.length;
  input.skip();
  return kept;
}

/** Continuations in order up to the first that is missing; the name keeps a `*` where any was encoded. */
function joinPieces(key: string, list: { index: number; extended: boolean; value: string }[]): Param {
  list.sort((a, b) => a.index - b.index);
  const extended = list.some((piece) => piece.extended);
  let value = '';
  let next = 0;
  for (const piece of list) {
    if (piece.index !== next) break;
    next++;
    value += extended && !piece.extended ? piece.value.replaceAll('%', '%25') : piece.value;
  }
  return [extended ? `${key}*` : key, value];
}

/** A parameter as text: RFC 2231 charset and percent octets, else encoded words, else raw 8-bit. */
export function paramText(params: readonly Param[], name: string): string | null {
  const extended = params.find(([key]) => key === `${name}*`);
  if (extended !== undefined) {
    const parts = /^([^']*)'[^']*'(.*)$/s.exec(extended[1]);
    const charset = parts?.[1] ?? '';
    const octets = (parts?.[2] ?? extended[1]).replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return charset === '' ? decodeRaw(octets) : decodeCharset(Buffer.from(octets, 'latin1'), charset);
  }
  const plain = params.find(([key]) => key === name);
  return plain === undefined ? null : decodeWords(plain[1]);
}
