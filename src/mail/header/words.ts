import { decodeCharset, decodeRaw } from '../charset.ts';

interface EncodedWord {
  readonly charset: string;
  readonly octets: Buffer;
  readonly end: number;
}

/**
 * Text of an unstructured field, a phrase or a comment given as latin1: encoded words are decoded, white space between two of
 * them goes, raw 8-bit text is read as UTF-8 or else windows-1252. Never fails; what is no encoded word stays. RFC 2047 6
 */
export function decodeWords(latin1: string): string {
  if (!latin1.includes('=?')) return decodeRaw(latin1);
  let text = '';
  let plain = 0;
  let charset = '';
  let octets: Buffer[] = [];
  const flush = (): void => {
    if (octets.length > 0) text += decodeCharset(octets.length === 1 ? octets[0]! : Buffer.concat(octets), charset);
    octets = [];
  };
  for (let at = latin1.indexOf('=?'); at >= 0; at = latin1.indexOf('=?', at)) {
    const word = encodedWord(latin1, at);
    if (word === 'none') break;
    if (word === null) {
      at += 2;
      continue;
    }
    const between = latin1.slice(plain, at);
    const adjacent = octets.length > 0 && /^[ \t\r\n]*$/.test(between);
    // QUIRK: many programs split a character between two words; joined octets of one charset read right.
    if (!adjacent || word.charset !== charset) flush();
    if (!adjacent) text += decodeRaw(between);
    charset = word.charset;
    octets.push(word.octets);
    at = plain = word.end;
  }
  flush();
  return text + decodeRaw(latin1.slice(plain));
}

const bCode = /[bB]/;

/** encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=". RFC 2047 2, RFC 2231 5; 'none' where none can follow. */
function encodedWord(text: string, at: number): EncodedWord | null | 'none' {
  const charsetEnd = text.indexOf('?', at + 2);
  if (charsetEnd < 0) return 'none';
  if (charsetEnd === at + 2 || charsetEnd - at > 80) return null;
  const encoding = text.charAt(charsetEnd + 1);
  if (!/^[bBqQ]$/.test(encoding) || text.charAt(charsetEnd + 2) !== '?') return null;
  const start = charsetEnd + 3;
  const end = text.indexOf('?=', start);
  if (end < 0) return 'none';
  const charset = text
    .slice(at + 2, charsetEnd)
    .replace(/\*.*$/s, '')
    .toLowerCase();
  if (charset === '' || /[ \t\r\n"]/.test(charset)) return null;
  const encoded = text.slice(start, end);
  if (bCode.test(encoding)) return { charset, octets: Buffer.from(encoded, 'base64'), end: end + 2 };
  return { charset, octets: qOctets(encoded), end: end + 2 };
}

/** RFC 2047 4.2; `=` without two hex digits stays. */
function qOctets(encoded: string): Buffer {
  const plain = encoded
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}

/** Text as encoded words of at most 75 characters where it has anything but printable ASCII, joined by folds. RFC 2047 2 */
export function encodeWords(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes('=?')) return text;
  const words: string[] = [];
  let run = '';
  let size = 0;
  for (const character of text) {
    const octets = Buffer.byteLength(character);
    // 45 octets are 60 characters of base64; with =?UTF-8?B??= 72.
    if (size + octets > 45) {
      words.push(run);
      run = '';
      size = 0;
    }
    run += character;
    size += octets;
  }
  if (run !== '') words.push(run);
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ');
}
