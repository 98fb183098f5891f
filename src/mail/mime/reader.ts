import { fieldBody, type HeaderField, splitHeader } from '../header/fields.ts';
import { contentDisposition, contentType, languageTags, type Param, singleToken } from '../header/params.ts';
import { Boundaries } from './boundaries.ts';
import type { Part } from './part.ts';
import { EnvelopeFields, envelopeWire } from './wire.ts';

/** Bounds of what a message may ask for; what goes beyond is opaque. */
export const mimeLimits = {
  /** Levels of multipart and message. */
  depth: 100,
  parts: 10_000,
  /** Octets of one header that are looked at. */
  header: 1 << 20,
  /** Octets of all headers together; later ones are cut to 4 KiB. */
  headers: 8 << 20,
} as const;

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type OpenPart = Omit<Writable<Part>, 'parts' | 'message'> & { parts?: OpenPart[]; message?: { envelope: string; root: OpenPart } };

interface Open {
  readonly part: OpenPart;
  readonly kind: 'leaf' | 'multipart' | 'message';
  /** Counters where the body starts. */
  readonly bare: number;
  readonly lines: number;
}

/** What wants to see more than the structure: called as the bytes go by. */
export interface StructureEvents {
  /** A header is whole; `text` is latin1. Called before the part's body. `depth` 0 is the message's own. */
  header?(part: Part, text: string, fields: readonly HeaderField[], depth: number): void;
  /** A part that holds octets (no multipart, no message) starts: return true to have its octets by `body`. */
  wants?(part: Part): boolean;
  /** Octets of the wanted part; the line end before its boundary may be among them. Return false to have no more. */
  body?(chunk: Buffer): boolean;
}

/** A boundary line is decided within this many octets. */
const lineLook = 100;
const nothing = Buffer.alloc(0);

/**
 * Reads the MIME structure of a message from its octets, in pieces of any size, once and in linear time. Whatever the octets
 * are, the answer is a tree. RFC 2045, RFC 2046; where they leave it open, as Dovecot reads.
 */
export class StructureReader {
  readonly #events: StructureEvents;
  readonly #boundaries = new Boundaries();
  readonly #stack: Open[] = [];
  readonly #root: OpenPart;
  #parts = 1;
  /** Octets before the piece at hand. */
  #base = 0;
  /** Line ends so far, and those without CR. */
  #lines = 0;
  #bare = 0;
  #carry: Buffer = nothing;
  #state: 'header' | 'body' | 'boundary' = 'header';
  #lineStart = true;
  /** Whether the last octet was CR, and whether the last line ended with CRLF. */
  #cr = false;
  #crlf = false;
  /** The part whose header is being read, its text so far, whether it may be cut by a boundary and must be MIME. */
  #part: OpenPart;
  #header = '';
  #headerRoom: number = mimeLimits.header;
  #headers = 0;
  #isMime = false;
  #inDigest = false;
  #wanted = false;
  /** After a boundary line: whether a new part starts. */
  #starts = false;

  constructor(events: StructureEvents = {}) {
    this.#events = events;
    this.#root = this.#part = blankPart(0);
  }

  write(chunk: Uint8Array): void {
    let bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#carry.length > 0) {
      bytes = Buffer.concat([this.#carry, bytes]);
      this.#carry = nothing;
    }
    this.#run(bytes, false);
  }

  /** Ends the message. */
  end(): { root: Part; size: number; virtualSize: number } {
    const rest = this.#carry;
    this.#carry = nothing;
    this.#run(rest, true);
    while (this.#state === 'header') this.#endHeader(this.#base);
    this.#closeTo(0, this.#base, 0);
    return { root: this.#root as Part, size: this.#base, virtualSize: this.#base + this.#bare };
  }

  #run(bytes: Buffer, final: boolean): void {
    const length = bytes.length;
    let at = 0;
    /** Start of header text or wanted body octets not handed on yet. */
    let from = 0;
    while (at < length) {
      if (this.#lineStart) {
        const c = bytes[at]!;
        if (c === 45 && this.#boundaries.size > 0) {
          let end = lineEnd(bytes, at, Math.min(length, at + lineLook));
          if (end < 0) {
            if (length - at < lineLook && !final) break;
            end = Math.min(length, at + lineLook);
          }
          const found = bytes[at + 1] === 45 && end - at >= 2 ? this.#boundaries.match(bytes, at + 2, end) : null;
          if (found !== null) {
            this.#hand(bytes, from, at);
            this.#atBoundary(found, this.#base + at);
            from = at;
          }
        } else if (this.#state === 'header' && (c === 10 || c === 13)) {
          if (c === 13 && at + 1 >= length && !final) break;
          if (c === 10 || bytes[at + 1] === 10) {
            const next = c === 10 ? at + 1 : at + 2;
            this.#lines++;
            this.#crlf = c === 13;
            if (!this.#crlf) this.#bare++;
            this.#hand(bytes, from, next);
            this.#endHeader(this.#base + next);
            this.#cr = false;
            from = at = next;
            continue;
          }
        }
        this.#lineStart = false;
      }
      const end = nextLineEnd(bytes, at, length);
      if (end < 0) {
        at = length;
        this.#cr = bytes[length - 1] === 13;
        break;
      }
      this.#lines++;
      this.#crlf = end > at ? bytes[end - 1] === 13 : this.#cr;
      if (!this.#crlf) this.#bare++;
      this.#cr = false;
      at = end + 1;
      this.#lineStart = true;
      if (this.#state === 'boundary') {
        this.#afterBoundary(this.#base + at);
        from = at;
      } else if (this.#state === 'body') at = this.#skipBody(bytes, at, length);
    }
    this.#hand(bytes, from, at);
    if (at < length) this.#carry = Buffer.from(bytes.subarray(at));
    this.#base += at;
  }

  /** Whole lines of a body that cannot be boundaries, quickly. `at` is at a line's start; so is what is returned. */
  #skipBody(bytes: Buffer, at: number, length: number): number {
    const alone = this.#boundaries.size === 0;
    let { lines: count, bare } = { lines: 0, bare: 0 };
    let crlf = this.#crlf;
    while (at < length) {
      if (!alone && bytes[at] === 45 && (at + 2 >= length || (bytes[at + 1] === 45 && this.#boundaries.beginsWith(bytes[at + 2]!)))) break;
      const end = nextLineEnd(bytes, at, length);
      if (end < 0) break;
      count++;
      crlf = end > at && bytes[end - 1] === 13;
      if (!crlf) bare++;
      at = end + 1;
    }
    this.#lines += count;
    this.#bare += bare;
    this.#crlf = crlf;
    return at;
  }

  /** Gives octets to the header being collected or to whoever wants the body. */
  #hand(bytes: Buffer, from: number, to: number): void {
    if (to <= from) return;
    if (this.#state === 'header') {
      if (this.#headerRoom <= 0) return;
      const end = Math.min(to, from + this.#headerRoom);
      this.#header += bytes.toString('latin1', from, end);
      this.#headerRoom -= end - from;
    } else if (this.#wanted && this.#state === 'body') this.#wanted = this.#events.body!(bytes.subarray(from, to));
  }

  #atBoundary({ depth, closes }: { depth: number; closes: boolean }, at: number): void {
    let eol = this.#crlf ? 2 : 1;
    if (this.#state === 'header') {
      const start = Math.max(this.#part.header, at - eol);
      if (start === at) eol = 0;
      this.#endHeader(start, eol);
    } else if (this.#stack.at(-1)!.part.start > at - eol) {
      // Right after the empty line of a header, which belongs to the header.
      eol = 0;
    }
    this.#closeTo(depth + 1, at, eol);
    this.#boundaries.dropFrom(closes ? depth : depth + 1);
    this.#starts = !closes;
    this.#wanted = false;
    this.#state = 'boundary';
  }

  #afterBoundary(at: number): void {
    this.#state = 'body';
    if (!this.#starts) return;
    if (this.#parts >= mimeLimits.parts) {
      this.#boundaries.clear();
      return;
    }
    const parent = this.#stack.at(-1)!.part;
    const part = blankPart(at);
    parent.parts!.push(part);
    this.#begin(part, true, parent.subtype === 'digest');
  }

  #begin(part: OpenPart, isMime: boolean, inDigest: boolean): void {
    this.#parts++;
    this.#part = part;
    this.#isMime = isMime;
    this.#inDigest = inDigest;
    this.#header = '';
    this.#headerRoom = this.#headers < mimeLimits.headers ? mimeLimits.header : 4096;
    this.#state = 'header';
  }

  /** @param cut where a boundary ends the header and there is no body: octets of the line end that belongs to the boundary */
  #endHeader(start: number, cut: number | null = null): void {
    const part = this.#part;
    const depth = this.#stack.length;
    const text = this.#header;
    this.#headers += text.length;
    this.#header = '';
    const fields = splitHeader(text);
    const boundary = fillPart(part, text, fields, this.#isMime, this.#inDigest);
    part.start = part.end = start;
    this.#events.header?.(part as Part, text, fields, depth);
    if (depth > 0) {
      const parent = this.#stack.at(-1)!;
      if (parent.kind === 'message') parent.part.message!.envelope = envelopeWire(new EnvelopeFields(text, fields));
    }
    let kind: Open['kind'] = 'leaf';
    if (part.type === 'multipart') kind = 'multipart';
    else if (isMessage(part)) kind = 'message';
    if (kind !== 'leaf' && (depth >= mimeLimits.depth || this.#parts >= mimeLimits.parts)) {
      // Too deep to look into.
      part.type = 'application';
      part.subtype = 'octet-stream';
      kind = 'leaf';
    }
    this.#state = 'body';
    this.#lineStart = true;
    // A cut header's last line end is the boundary's.
    const back = cut === null || cut === 0 ? 0 : 1;
    this.#stack.push({ part, kind, bare: this.#bare - (this.#crlf ? 0 : back), lines: this.#lines - back });
    if (kind === 'multipart') {
      part.parts = [];
      if (boundary !== null) this.#boundaries.push(boundary, depth);
    } else if (kind === 'message') {
      const root = blankPart(start);
      part.message = { envelope: '', root };
      this.#begin(root, false, false);
      if (cut !== null) this.#endHeader(start, cut);
    } else this.#wanted = cut === null && this.#events.wants?.(part as Part) === true;
  }

  /** Closes what is open at `depth` and deeper; the body ends `eol` octets before `at`. */
  #closeTo(depth: number, at: number, eol: number): void {
    while (this.#stack.length > depth) {
      const { part, bare, lines } = this.#stack.pop()!;
      const end = at - eol;
      part.end = end;
      part.lines = this.#lines - lines - (eol > 0 ? 1 : 0);
      part.size = end - part.start + this.#bare - bare - (eol === 1 ? 1 : 0);
    }
  }
}

function isMessage(part: { type: string; subtype: string }): boolean {
  return part.type === 'message' && (part.subtype === 'rfc822' || part.subtype === 'global');
}

/** Where the line's LF is; short lines by hand, since a call costs more than they do. */
function nextLineEnd(bytes: Buffer, at: number, length: number): number {
  const near = Math.min(length, at + 24);
  for (let i = at; i < near; i++) if (bytes[i] === 10) return i;
  return near === length ? -1 : bytes.indexOf(10, near);
}

function lineEnd(bytes: Buffer, at: number, stop: number): number {
  for (let i = at; i < stop; i++) if (bytes[i] === 10) return i;
  return -1;
}

function blankPart(header: number): OpenPart {
  return {
    type: 'text',
    subtype: 'plain',
    params: [],
    id: null,
    description: null,
    encoding: '7bit',
    md5: null,
    disposition: null,
    language: [],
    location: null,
    header,
    start: header,
    end: header,
    size: 0,
    lines: 0,
  };
}

/**
 * Reads the Content-* fields into `part`; of several of one name the first counts. Without MIME-Version and Content-Type a
 * message's Content-* fields mean nothing. @returns the boundary of a multipart
 */
function fillPart(part: OpenPart, text: string, fields: readonly HeaderField[], isMime: boolean, inDigest: boolean): string | null {
  const content = new Map<string, string>();
  let mime = isMime;
  for (const field of fields) {
    const { key } = field;
    if (key === 'mime-version') mime = true;
    else if (key.startsWith('content-') && !content.has(key)) content.set(key, fieldBody(text, field));
  }
  if (content.has('content-type')) mime = true;
  const typeField = content.get('content-type');
  if (typeField === undefined && inDigest) {
    part.type = 'message';
    part.subtype = 'rfc822';
  }
  if (!mime) return null;
  const type = typeField === undefined ? null : contentType(typeField);
  if (type !== null) {
    part.type = type.type;
    part.subtype = type.subtype;
    part.params = type.params;
  }
  part.id = content.get('content-id') ?? null;
  part.description = content.get('content-description') ?? null;
  part.encoding = singleToken(content.get('content-transfer-encoding') ?? '') ?? '7bit';
  part.md5 = content.get('content-md5') ?? null;
  part.disposition = contentDisposition(content.get('content-disposition') ?? '');
  part.language = languageTags(content.get('content-language') ?? '');
  part.location = content.get('content-location') ?? null;
  if (part.type !== 'multipart') return null;
  const boundary = part.params.find(([name]: Param) => name === 'boundary')?.[1];
  return boundary === undefined || boundary === '' ? null : boundary;
}
