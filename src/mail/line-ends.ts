const cr = 13;
const lf = 10;

/** A pattern gives one flat string, where `replaceAll` of a text gives one of many parts. */
const lineFeed = /\n/g;
/** Octets of a string that costs little to make and to drop. */
const step = 32 * 1024;

/** Of octets without any CR: several times as fast by way of strings as octet by octet. */
function withCr(bytes: Buffer): Buffer {
  const texts: string[] = [];
  let size = 0;
  for (let at = 0; at < bytes.length; at += step) {
    const text = bytes.toString('latin1', at, Math.min(at + step, bytes.length)).replace(lineFeed, '\r\n');
    texts.push(text);
    size += text.length;
  }
  const out = Buffer.allocUnsafe(size);
  let to = 0;
  for (const text of texts) to += out.write(text, to, 'latin1');
  return out;
}

/** The octets with CRLF where LF stood alone; the same buffer when none did. */
export function toCrlf(bytes: Buffer, afterCr = false): Buffer {
  if (!afterCr && bytes.indexOf(cr) < 0) return bytes.indexOf(lf) < 0 ? bytes : withCr(bytes);
  const bare = countBareLf(bytes, afterCr);
  if (bare === 0) return bytes;
  const out = Buffer.allocUnsafe(bytes.length + bare);
  let to = 0;
  let last = afterCr ? cr : 0;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c === lf && last !== cr) out[to++] = cr;
    out[to++] = c;
    last = c;
  }
  return out;
}

/** The same of octets as latin1. */
export function crlfText(octets: string): string {
  return octets.includes('\r') ? octets.replace(/(?<!\r)\n/g, '\r\n') : octets.replace(lineFeed, '\r\n');
}

/** Line feeds without CR before them; CRLF octets are that many more. */
export function countBareLf(bytes: Uint8Array, afterCr = false): number {
  let count = 0;
  let last = afterCr ? cr : 0;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c === lf && last !== cr) count++;
    last = c;
  }
  return count;
}

/** Converts a stream; a CR at the end of a piece is remembered. */
export class CrlfWriter {
  #cr = false;

  write(chunk: Buffer): Buffer {
    const out = toCrlf(chunk, this.#cr);
    if (chunk.length > 0) this.#cr = chunk[chunk.length - 1] === cr;
    return out;
  }

  /** The same into `room`, which has space for twice the octets. @returns how many there are */
  writeTo(room: Buffer, chunk: Buffer): number {
    if (this.#cr || chunk.indexOf(cr) >= 0) return this.write(chunk).copy(room);
    return room.write(chunk.toString('latin1', 0, chunk.length).replace(lineFeed, '\r\n'), 'latin1');
  }
}

/** The octets from `offset`, at most `length`, of what a stream is with CRLF line ends. For partial fetches. */
export class CrlfWindow {
  readonly #writer = new CrlfWriter();
  #skip: number;
  #room: number;

  constructor(offset: number, length: number) {
    this.#skip = offset;
    this.#room = length;
  }

  /** Whether nothing more is wanted. */
  get full(): boolean {
    return this.#room <= 0;
  }

  write(chunk: Buffer): Buffer {
    if (this.full) return Buffer.alloc(0);
    const out = this.#writer.write(chunk);
    const from = Math.min(this.#skip, out.length);
    this.#skip -= from;
    const piece = out.subarray(from, from + this.#room);
    this.#room -= piece.length;
    return piece;
  }
}

/** CRLF to LF in a stream; a CR that no LF follows stays. */
export class LfWriter {
  #cr = false;

  write(chunk: Buffer): Buffer {
    if (!this.#cr && chunk.indexOf(cr) < 0) return chunk;
    const out = Buffer.allocUnsafe(chunk.length + 1);
    let to = 0;
    let held = this.#cr;
    for (let i = 0; i < chunk.length; i++) {
      const c = chunk[i]!;
      if (held && c !== lf) out[to++] = cr;
      held = c === cr;
      if (!held) out[to++] = c;
    }
    this.#cr = held;
    return out.subarray(0, to);
  }

  end(): Buffer {
    const rest = this.#cr ? Buffer.from('\r') : Buffer.alloc(0);
    this.#cr = false;
    return rest;
  }
}
