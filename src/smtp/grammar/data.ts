import { Fault } from '../../mail/fault.ts';

// Where the scanner is between two octets.
const lineStart = 0;
const inLine = 1;
const sawCr = 2;
const sawDot = 3;
const sawDotCr = 4;

const CR = 13;
const LF = 10;
const DOT = 46;

/** Octets of a line that are moved one by one before it is worth looking for its end. */
const shortRun = 16;

export type MessageDefect = 'bare CR' | 'bare LF' | 'NUL';

/** What one chunk gave. */
export interface Scanned {
  /** Octets of the message in LF form; shares the chunk's memory. */
  readonly bytes: Uint8Array;
  /** Where the next command starts in the chunk, -1 while the message goes on. */
  readonly end: number;
}

/**
 * Reads a message from the wire: takes off the dot of transparency, turns CRLF into LF, finds the end. Only CRLF "." CRLF ends it,
 * only CRLF ends a line; a CR or LF alone is a defect, never a line end, so that no two servers can disagree on where a message
 * ends. RFC 5321 2.3.8, 4.1.1.4, 4.5.2. One pass, whatever the chunks are; the text is written back into the chunk.
 */
export class DataScanner {
  /** The first thing wrong; the rest is read up to its end, but gives no bytes. */
  defect: MessageDefect | null = null;
  /** Octets in CRLF form, without dots of transparency. */
  size = 0;
  readonly #dots: boolean;
  #state = lineStart;

  /** @param dots false for BDAT, whose length is known: no transparency, no end mark. RFC 3030 2 */
  constructor(dots = true) {
    this.#dots = dots;
  }

  scan(chunk: Buffer): Scanned {
    const dots = this.#dots;
    const length = chunk.length;
    let state = this.#state;
    let size = this.size;
    let to = 0;
    let end = -1;
    // Where the next of these is; looked for when passed.
    let cr = -1;
    let lf = -1;
    let nul = -1;
    // A CR held back from the chunk before never needs room of its own: it either becomes LF's line end or a defect.
    for (let at = 0; at < length; at++) {
      const octet = chunk[at]!;
      if (state === inLine && octet > CR) {
        // Most octets are moved and no more: some one by one, the rest of a longer line in one piece.
        const from = at;
        const stop = Math.min(at + shortRun, length);
        do chunk[to++] = chunk[at++]!;
        while (at < stop && chunk[at]! > CR);
        if (at === stop && at < length) {
          if (cr < at) cr = place(chunk, CR, at);
          if (lf < at) lf = place(chunk, LF, at);
          if (nul < at) nul = place(chunk, 0, at);
          const end = Math.min(cr, lf, nul);
          chunk.copyWithin(to, at, end);
          to += end - at;
          at = end;
        }
        size += at - from;
        at--;
        continue;
      }
      if (state === inLine || state === lineStart) {
        if (octet === DOT && state === lineStart && dots) {
          state = sawDot;
          continue;
        }
        if (octet === CR) {
          state = sawCr;
          continue;
        }
        if (octet === LF) this.defect ??= 'bare LF';
        else if (octet === 0) this.defect ??= 'NUL';
        state = inLine;
        chunk[to++] = octet;
        size++;
      } else if (state === sawCr) {
        if (octet === LF) {
          state = lineStart;
          chunk[to++] = LF;
          size += 2;
        } else {
          this.defect ??= 'bare CR';
          state = octet === CR ? sawCr : inLine;
        }
      } else if (state === sawDot) {
        if (octet === CR) {
          state = sawDotCr;
          continue;
        }
        // The dot was transparency; what follows it is the line. RFC 5321 4.5.2
        if (octet === LF) this.defect ??= 'bare LF';
        else if (octet === 0) this.defect ??= 'NUL';
        state = inLine;
        chunk[to++] = octet;
        size++;
      } else if (octet === LF) {
        state = lineStart;
        end = at + 1;
        break;
      } else {
        this.defect ??= 'bare CR';
        state = octet === CR ? sawCr : inLine;
      }
    }
    this.#state = state;
    this.size = size;
    return { bytes: this.defect === null ? chunk.subarray(0, to) : chunk.subarray(0, 0), end };
  }

  /** End of the last BDAT chunk. @returns what is missing to end the last line */
  finish(): Uint8Array {
    const state = this.#state;
    this.#state = lineStart;
    if (state === sawCr) this.defect ??= 'bare CR';
    if (state === lineStart) return new Uint8Array(0);
    this.size += 2;
    return Uint8Array.of(LF);
  }
}

/** Of the next `octet`; the chunk's length where there is none. */
function place(chunk: Buffer, octet: number, from: number): number {
  const at = chunk.indexOf(octet, from);
  return at === -1 ? chunk.length : at;
}

/**
 *     bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF
 *     chunk-size ::= 1*DIGIT
 *     end-marker ::= "LAST"
 *
 * RFC 3030 2
 * @throws Fault syntax
 */
export function bdatArgument(text: string): { readonly length: number; readonly last: boolean } {
  const parts = /^(\d{1,15})(?: +(LAST))?$/i.exec(text.trim());
  if (parts === null) throw new Fault('syntax', 'BDAT chunk-size [LAST]');
  return { length: Number(parts[1]), last: parts[2] !== undefined };
}
