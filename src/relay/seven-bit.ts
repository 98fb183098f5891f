import { readFile } from 'node:fs/promises';
import { splitHeader } from '../mail/header/fields.ts';
import { messageFacts } from '../mail/mime/facts.ts';
import type { Part } from '../mail/mime/part.ts';
import { CannotTake } from './cannot-take.ts';

/**
 * A message without octets over 127, for a server that has no 8BITMIME: bodies of parts become quoted-printable or base64.
 * RFC 6152 3, RFC 2045 6. LF line ends in and out.
 *
 * @throws CannotTake where that would alter what may not be altered (signed parts, raw 8-bit header fields)
 */
export async function toSevenBit(from: string | Buffer, server: string): Promise<Buffer> {
  const bytes = typeof from === 'string' ? await readFile(from) : from;
  const edits: Edit[] = [];
  try {
    collect(bytes, messageFacts(bytes).root, edits, false);
  } catch (error) {
    if (error instanceof CannotTake) throw new CannotTake(`554 5.6.3 ${server} takes no 8-bit text (8BITMIME), and ${error.message}`);
    throw error;
  }
  edits.sort((a, b) => a.from - b.from);
  const out: Buffer[] = [];
  let at = 0;
  for (const { from, to, text } of edits) {
    out.push(bytes.subarray(at, from), text);
    at = to;
  }
  out.push(bytes.subarray(at));
  const converted = Buffer.concat(out);
  if (hasEightBit(converted))
    throw new CannotTake(`554 5.6.3 ${server} takes no 8-bit text (8BITMIME), and this message cannot be converted`);
  return converted;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: Buffer;
}

function collect(bytes: Buffer, part: Part, edits: Edit[], signed: boolean): void {
  const header = bytes.subarray(part.header, part.start);
  if (hasEightBit(header)) throw new CannotTake('the message has 8-bit header fields');
  const body = bytes.subarray(part.start, part.end);
  if (!hasEightBit(body)) {
    if (part.encoding === '8bit' || part.encoding === 'binary') edits.push(...declare(part, header, '7bit'));
    return;
  }
  if (signed || (part.type === 'multipart' && part.subtype === 'signed')) throw new CannotTake('a signed part may not be converted');
  if (part.parts !== undefined) {
    edits.push(...declare(part, header, '7bit'));
    for (const child of part.parts) collect(bytes, child, edits, false);
    return;
  }
  if (part.message !== undefined) {
    edits.push(...declare(part, header, '7bit'));
    collect(bytes, part.message.root, edits, false);
    return;
  }
  if (!['7bit', '8bit', 'binary'].includes(part.encoding)) throw new CannotTake(`a part said to be ${part.encoding} has 8-bit octets`);
  const isText = part.type === 'text' || part.type === 'message';
  edits.push(...declare(part, header, isText ? 'quoted-printable' : 'base64'));
  edits.push({ from: part.start, to: part.end, text: isText ? quotedPrintable(body) : base64(body) });
}

/** Puts a Content-Transfer-Encoding in place of the one there. */
function declare(part: Part, header: Buffer, encoding: string): Edit[] {
  const text = header.toString('latin1');
  const fields = splitHeader(text);
  const known = fields.filter(({ key }) => key === 'content-transfer-encoding');
  const line = Buffer.from(`Content-Transfer-Encoding: ${encoding}\n`);
  const edits = known.map(({ start, end }) => ({ from: part.header + start, to: part.header + end, text: Buffer.alloc(0) }));
  if (encoding === '7bit') return edits;
  const mime = fields.some(({ key }) => key === 'mime-version') || part.header > 0 ? '' : 'MIME-Version: 1.0\n';
  return [...edits, { from: part.header, to: part.header, text: Buffer.concat([Buffer.from(mime), line]) }];
}

function hasEightBit(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 127) return true;
  return false;
}

function base64(body: Buffer): Buffer {
  return Buffer.from(body.toString('base64').replace(/(.{76})(?=.)/g, '$1\n'));
}

/** LF is a line break; at most 76 characters a line. RFC 2045 6.7 */
export function quotedPrintable(body: Buffer): Buffer {
  const out: string[] = [];
  for (let from = 0; from < body.length; ) {
    const lf = body.indexOf(10, from);
    const end = lf < 0 ? body.length : lf;
    let width = 0;
    for (let i = from; i < end; i++) {
      const c = body[i]!;
      const isSpace = c === 32 || c === 9;
      const plain = (c > 32 && c < 127 && c !== 61) || (isSpace && i < end - 1);
      const piece = plain ? String.fromCharCode(c) : `=${c.toString(16).toUpperCase().padStart(2, '0')}`;
      if (width + piece.length > 75) {
        out.push('=\n');
        width = 0;
      }
      out.push(piece);
      width += piece.length;
    }
    if (lf >= 0) out.push('\n');
    from = end + 1;
  }
  return Buffer.from(out.join(''));
}
