import { decodeCharset } from '../charset.ts';
import { paramText } from '../header/params.ts';
import { htmlText } from './html.ts';
import type { Part } from './part.ts';
import { decodeTransfer } from './transfer.ts';

/** Octets of a part that are looked at for the preview. */
export const previewOctets = 8192;
const longest = 256;

/** The start of a text part as one line of at most 256 characters. RFC 8970 3.2 */
export function previewOf(part: Part, octets: Buffer): string {
  // Mostly the first thousand octets say it; more only where they are white space and markup.
  for (const look of [octets.length > 2048 && part.subtype !== 'html' ? 1024 : previewOctets, previewOctets]) {
    const decoded = decodeTransfer(octets.subarray(0, look), part.encoding);
    const text = decodeCharset(decoded, paramText(part.params, 'charset') ?? '');
    const plain = part.subtype === 'html' ? htmlText(text) : text;
    const folded = plain
      .slice(0, 4096)
      .replace(/[\s\u200b-\u200f\u2028-\u202e\ufeff\p{Cc}]+/gu, ' ')
      .trim()
      .replace(/\ufffd+$/, '');
    if (folded.length >= longest || look === previewOctets) return cut(folded);
  }
  return '';
}

/** At most 256 UTF-16 units, no character halved. */
function cut(text: string): string {
  if (text.length <= longest) return text;
  const last = text.charCodeAt(longest - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? longest - 1 : longest);
}
