/** Undoes a Content-Transfer-Encoding, in pieces. Never fails: what is broken is passed over or stays as it is. */
export interface TransferDecoder {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
}

const nothing = Buffer.alloc(0);

/** Whether octets of that encoding can be given decoded. RFC 2045 6, RFC 3516 4.2 */
export function knowsTransferEncoding(encoding: string): boolean {
  return transferKind(encoding) !== null;
}

function transferKind(encoding: string): 'identity' | 'base64' | 'qp' | 'uu' | null {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return 'identity';
    case 'base64':
      return 'base64';
    case 'quoted-printable':
      return 'qp';
    case 'uuencode':
    case 'x-uuencode':
    case 'x-uue':
    case 'uue':
      return 'uu';
    default:
      return null;
  }
}

/** Unknown encodings are passed as they are. */
export function transferDecoder(encoding: string): TransferDecoder {
  switch (transferKind(encoding)) {
    case 'base64':
      return base64Decoder();
    case 'qp':
      return quotedPrintableDecoder();
    case 'uu':
      return uuDecoder();
    default:
      return { write: (chunk) => chunk, end: () => nothing };
  }
}

export function decodeTransfer(bytes: Buffer, encoding: string): Buffer {
  const decoder = transferDecoder(encoding);
  const body = decoder.write(bytes);
  const rest = decoder.end();
  return rest.length === 0 ? body : Buffer.concat([body, rest]);
}

/** Value of each octet of base64; 64 for padding, 255 for what is passed over. */
const base64Values = new Uint8Array(256).fill(255);
const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=';
for (let i = 0; i < base64Alphabet.length; i++) base64Values[base64Alphabet.charCodeAt(i)] = i;

/** RFC 2045 6.8; characters outside the alphabet are passed over; after padding it starts anew (joined bodies). */
function base64Decoder(): TransferDecoder {
  let bits = 0;
  let count = 0;
  return {
    write(chunk) {
      const out = Buffer.allocUnsafe(Math.ceil((chunk.length * 3) / 4) + 3);
      let to = 0;
      for (let i = 0; i < chunk.length; i++) {
        const value = base64Values[chunk[i]!]!;
        if (value > 64) continue;
        if (value === 64) {
          bits = count = 0;
          continue;
        }
        bits = ((bits << 6) | value) & 0xffffff;
        count += 6;
        if (count >= 8) {
          count -= 8;
          out[to++] = bits >> count;
        }
      }
      return out.subarray(0, to);
    },
    end: () => nothing,
  };
}

/** RFC 2045 6.7; `=` without two hex digits stays, white space before a line end goes. */
function quotedPrintableDecoder(): TransferDecoder {
  let held: Buffer = nothing;
  const decode = (chunk: Buffer, final: boolean): Buffer => {
    let bytes = chunk;
    if (held.length > 0) {
      bytes = Buffer.concat([held, chunk]);
      held = nothing;
    }
    const out = Buffer.allocUnsafe(bytes.length);
    const length = bytes.length;
    let to = 0;
    /** `out` after the last octet that is no white space of this line. */
    let solid = 0;
    let at = 0;
    while (at < length) {
      const c = bytes[at]!;
      if (c === 61) {
        let end = at + 1;
        while (end < length && (bytes[end] === 32 || bytes[end] === 9)) end++;
        if (bytes[end] === 13) end++;
        if (end < length && bytes[end] === 10) {
          at = end + 1;
          solid = to;
          continue;
        }
        if (end >= length && !final && length - at < maxHeld) break;
        if (end >= length && final && end > at) {
          at = end;
          solid = to;
          continue;
        }
        const high = hex(bytes[at + 1] ?? 0);
        const low = hex(bytes[at + 2] ?? 0);
        if (at + 2 >= length && !final) break;
        if (high >= 0 && low >= 0) {
          out[to++] = high * 16 + low;
          at += 3;
        } else {
          out[to++] = c;
          at++;
        }
        solid = to;
      } else if (c === 10) {
        const cr = at > 0 && bytes[at - 1] === 13;
        to = solid;
        if (cr) out[to++] = 13;
        out[to++] = 10;
        solid = to;
        at++;
      } else if (c === 13) {
        if (at + 1 >= length && !final) break;
        out[to++] = c;
        if (bytes[at + 1] !== 10) solid = to;
        at++;
      } else if (c === 32 || c === 9) {
        out[to++] = c;
        at++;
      } else {
        out[to++] = c;
        solid = to;
        at++;
      }
    }
    if (final) return out.subarray(0, to);
    // White space at the end, and what a split left undecided, wait for the next piece.
    let back = at;
    while (to > solid && back > 0 && back > at - maxHeld) {
      to--;
      back--;
    }
    held = Buffer.from(bytes.subarray(back));
    return out.subarray(0, to);
  };
  return { write: (chunk) => decode(chunk, false), end: () => decode(nothing, true) };
}

const maxHeld = 1000;

function hex(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** What uuencode wrote between its begin and end lines; without a begin line every line counts. */
function uuDecoder(): TransferDecoder {
  let held = '';
  let state: 'before' | 'in' | 'after' = 'before';
  const decode = (text: string, final: boolean): Buffer => {
    const lines = (held + text).split('\n');
    held = final ? '' : lines.pop()!.slice(0, maxHeld);
    const out: number[] = [];
    for (const raw of lines) {
      const line = raw.replace(/\r$/, '');
      if (state === 'before') {
        if (/^begin(?:-base64)? [0-7]{3,4} /.test(line)) state = 'in';
        continue;
      }
      if (state === 'after') continue;
      if (line === 'end') {
        state = 'after';
        continue;
      }
      let octets = (line.charCodeAt(0) - 32) & 63;
      for (let i = 1; octets > 0 && i < line.length; i += 4) {
        const [a, b, c, d] = [0, 1, 2, 3].map((k) => ((line.charCodeAt(i + k) || 32) - 32) & 63) as [number, number, number, number];
        out.push((a << 2) | (b >> 4));
        if (octets > 1) out.push(((b & 15) << 4) | (c >> 2));
        if (octets > 2) out.push(((c & 3) << 6) | d);
        octets -= 3;
      }
    }
    return Buffer.from(out);
  };
  return { write: (chunk) => decode(chunk.toString('latin1'), false), end: () => decode('', true) };
}
