import { CrlfWriter, toCrlf } from '../mail/line-ends.ts';
import type { MessageFile } from '../store/store.ts';
import type { FetchMessage } from './fetch-message.ts';
import type { Partial } from './grammar/section.ts';
import type { Output } from './output.ts';
import type { Session } from './session.ts';

/** Octets read from a file at a time, on the loop and beside it. */
const small = 64 * 1024;
const slice = 256 * 1024;

/** Octets of a file, whose size with CRLF line ends is known, or null. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
  readonly size: number | null;
}

/**
 * Where the last partial fetch of a big message stopped: what it had read, as octets of the file and as octets with CRLF.
 * A client that fetches a message piece by piece then costs one reading of it in all.
 */
export interface TextPosition {
  readonly uid: number;
  readonly start: number;
  readonly file: number;
  readonly crlf: number;
  readonly writer: boolean;
}

export async function readRange(file: MessageFile, start: number, end: number): Promise<Buffer> {
  const length = Math.max(0, Math.min(end, file.size) - start);
  return length <= small ? file.readSync(start, length) : file.read(start, length);
}

/** Writes a range of the message with CRLF line ends as a literal, streamed. */
export async function writeText(
  session: Session,
  m: FetchMessage,
  out: Output,
  label: string,
  range: TextRange,
  partial: Partial | null,
): Promise<void> {
  const file = await m.file();
  const length = range.end - range.start;
  if (length <= small) {
    const octets = file.readSync(range.start, length);
    if (partial === null && !octets.includes(13)) {
      const text = octets.toString('latin1').replaceAll('\n', '\r\n');
      out.text(`${label} {${text.length}}\r\n`);
      out.text(text);
      return;
    }
    const lines = toCrlf(octets);
    const piece = partial === null ? lines : lines.subarray(partial.offset, partial.offset + partial.length);
    out.text(`${label} {${piece.length}}\r\n`);
    out.bytes(piece);
    return;
  }
  const size = range.size ?? (await measure(file, range));
  const offset = Math.min(partial?.offset ?? 0, size);
  const promised = partial === null ? size : Math.min(partial.length, size - offset);
  out.text(`${label} {${promised}}\r\n`);
  const sent =
    size === length ? await copyPlain(file, out, range, offset, promised) : await copyLines(session, m, file, out, range, offset, promised);
  if (sent < promised) {
    // The file is shorter than its row says: the literal must still have its length.
    session.log.error({ uid: m.uid, mailbox: m.view.mailbox.name, missing: promised - sent }, 'message shorter than its row');
    for (let left = promised - sent; left > 0; left -= slice) out.bytes(Buffer.alloc(Math.min(left, slice), 32));
  }
}

/** Line ends are CRLF already. */
async function copyPlain(file: MessageFile, out: Output, range: TextRange, offset: number, promised: number): Promise<number> {
  let sent = 0;
  while (sent < promised) {
    const chunk = await file.read(range.start + offset + sent, Math.min(slice, promised - sent));
    if (chunk.length === 0) break;
    out.bytes(chunk);
    sent += chunk.length;
    await out.drained();
  }
  return sent;
}

async function copyLines(
  session: Session,
  m: FetchMessage,
  file: MessageFile,
  out: Output,
  range: TextRange,
  offset: number,
  promised: number,
): Promise<number> {
  const known = session.textPosition;
  const resumes = known !== null && known.uid === m.uid && known.start === range.start && known.crlf <= offset;
  let at = resumes ? known.file : range.start;
  let crlf = resumes ? known.crlf : 0;
  let afterCr = resumes && known.writer;
  const lines = new CrlfWriter();
  if (afterCr) lines.write(Buffer.of(13));
  let sent = 0;
  // The next octets are read while these are on their way.
  let ahead = readAhead(file, at, range.end);
  while (sent < promised && at < range.end) {
    const chunk = await ahead;
    if (chunk.length === 0) break;
    if (at + chunk.length < range.end && crlf + chunk.length < offset + promised) ahead = readAhead(file, at + chunk.length, range.end);
    session.textPosition = { uid: m.uid, start: range.start, file: at, crlf, writer: afterCr };
    const octets = lines.write(chunk);
    at += chunk.length;
    afterCr = chunk[chunk.length - 1] === 13;
    const from = Math.max(0, offset - crlf);
    crlf += octets.length;
    if (from >= octets.length) continue;
    const piece = octets.subarray(from, from + promised - sent);
    out.bytes(piece);
    sent += piece.length;
    await out.drained();
  }
  return sent;
}

function readAhead(file: MessageFile, at: number, end: number): Promise<Buffer> {
  const octets = file.read(at, Math.min(slice, end - at));
  // It may not be waited for any more.
  octets.catch(() => undefined);
  return octets;
}

async function measure(file: MessageFile, range: TextRange): Promise<number> {
  const lines = new CrlfWriter();
  let size = 0;
  for (let at = range.start; at < range.end; ) {
    const chunk = await file.read(at, Math.min(slice, range.end - at));
    if (chunk.length === 0) break;
    size += lines.write(chunk).length;
    at += chunk.length;
  }
  return size;
}
