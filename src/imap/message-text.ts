import { CrlfWriter, crlfText, toCrlf } from '../mail/line-ends.ts';
import type { MessageFile } from '../store/store.ts';
import type { FetchMessage } from './fetch-message.ts';
import type { Partial } from './grammar/section.ts';
import type { Output } from './output.ts';
import type { Session } from './session.ts';

/** Octets read from a file at a time, on the loop and beside it. */
const small = 64 * 1024;
const slice = 256 * 1024;
/** Octets that get their line ends at a time: so few that they stay in the processor's cache until they are sent. */
const step = 64 * 1024;

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
      const text = crlfText(octets.toString('latin1'));
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
  const rooms = new Rooms(out);
  const ahead = new ReadAhead(file, at, range.end);
  while (sent < promised) {
    const chunk = await ahead.next(crlf + slice < offset + promised);
    if (chunk.length === 0) break;
    for (let from = 0; from < chunk.length && sent < promised; from += step) {
      const part = chunk.subarray(from, from + step);
      session.textPosition = { uid: m.uid, start: range.start, file: at, crlf, writer: afterCr };
      const room = rooms.take();
      const length = lines.writeTo(room, part);
      at += part.length;
      afterCr = part[part.length - 1] === 13;
      const piece = room.subarray(Math.max(0, offset - crlf), length).subarray(0, promised - sent);
      crlf += length;
      rooms.put(room, piece.length);
      if (piece.length === 0) continue;
      out.bytes(piece);
      sent += piece.length;
      await out.drained();
    }
  }
  return sent;
}

/** Reads on while what came last is on its way. */
class ReadAhead {
  readonly #file: MessageFile;
  readonly #end: number;
  #at: number;
  #room: Buffer;
  #other: Buffer | null = null;
  #reading: Promise<number> | null = null;

  constructor(file: MessageFile, at: number, end: number) {
    this.#file = file;
    this.#at = at;
    this.#end = end;
    this.#room = Buffer.allocUnsafeSlow(Math.min(slice, end - at));
  }

  /** The next octets, to be used before it is called again; none at the end. @param more whether those after them will be wanted */
  async next(more: boolean): Promise<Buffer> {
    const length = await (this.#reading ?? this.#read());
    const chunk = this.#room.subarray(0, length);
    this.#at += length;
    this.#reading = null;
    [this.#room, this.#other] = [this.#other ?? Buffer.allocUnsafeSlow(this.#room.length), this.#room];
    if (more && length > 0 && this.#at < this.#end) {
      this.#reading = this.#read();
      // It may not be waited for any more.
      this.#reading.catch(() => undefined);
    }
    return chunk;
  }

  #read(): Promise<number> {
    return this.#file.readInto(this.#room.subarray(0, Math.min(slice, this.#end - this.#at)), this.#at);
  }
}

/** Space for octets on their way out, used again once the system has taken them: fresh memory costs more than what is done with it. */
class Rooms {
  readonly #out: Output;
  readonly #used: { readonly room: Buffer; readonly end: number }[] = [];
  #sent = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  take(): Buffer {
    const oldest = this.#used[0];
    if (oldest === undefined || this.#sent - oldest.end < this.#out.pending) return Buffer.allocUnsafeSlow(2 * step);
    this.#used.shift();
    return oldest.room;
  }

  /** Right before so many octets of it are written. */
  put(room: Buffer, length: number): void {
    this.#sent += length;
    if (this.#used.length < 4) this.#used.push({ room, end: this.#sent });
  }
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
