const cr = 13;
const lf = 10;
/** Four octets each. */
const fourLf = 0x0a0a0a0a;
const fourOnes = 0x01010101;
const fourTops = 0x80808080 | 0;

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
  crlfInto(out, bytes, afterCr);
  return out;
}

/**
 * The octets with CRLF where LF stood alone, into `room`: eight at a time while none of them is LF. Half the time of strings, a quarter
 * of that of octet by octet.
 *
 * @returns how many there are
 */
export function crlfInto(room: Buffer, bytes: Buffer, afterCr = false): number {
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const into = new DataView(room.buffer, room.byteOffset, room.length);
  const last = bytes.length - 8;
  let at = 0;
  let to = 0;
  let before = afterCr ? cr : 0;
  while (at < bytes.length) {
    while (at <= last) {
      const a = from.getInt32(at, true);
      const b = from.getInt32(at + 4, true);
      const x = a ^ fourLf;
      const y = b ^ fourLf;
      // An octet that is 0 borrows from its top bit.
      if ((((x - fourOnes) & ~x) | ((y - fourOnes) & ~y)) & fourTops) break;
      into.setInt32(to, a, true);
      into.setInt32(to + 4, b, true);
      at += 8;
      to += 8;
      before = 0;
    }
    // Up to and with the LF that is near, or to the end.
    if (at > 0 && before === 0) before = bytes[at - 1]!;
    for (let c = 0; c !== lf && at < bytes.length; before = c) {
      c = bytes[at++]!;
      if (c === lf && before !== cr) room[to++] = cr;
      room[to++] = c;
    }
  }
  return to;
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
    const length = crlfInto(room, chunk, this.#cr);
    if (chunk.length > 0) this.#cr = chunk[chunk.length - 1] === cr;
    return length;
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
