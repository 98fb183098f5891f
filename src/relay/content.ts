import { isAscii } from 'node:buffer';
import { createReadStream, readFileSync } from 'node:fs';
import type { QueuedMessage } from '../queue/transport.ts';

/** What must be known of a message before a next hop is asked to take it. */
export interface Content {
  /** Octets as sent: every line end two octets, dots not doubled. */
  readonly size: number;
  readonly eightBit: boolean;
  /** Octets over 127 in the header. */
  readonly eightBitHeader: boolean;
  /** Received fields. */
  readonly hops: number;
  /** Header as in the file, at most 256 KiB. */
  readonly header: string;
  /** The whole, where it is small; read once. */
  readonly bytes: Buffer | null;
}

const small = 256 << 10;
const headerLimit = 256 << 10;

/** Reads a spooled message once through. */
export async function inspect({ bytes: given, file, size }: QueuedMessage): Promise<Content> {
  if (size <= small) {
    const bytes = given === undefined ? readFileSync(file) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
    const scan = new Scan();
    scan.write(bytes);
    return scan.result(bytes);
  }
  const scan = new Scan();
  for await (const chunk of createReadStream(file, { highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>) scan.write(chunk);
  return scan.result(null);
}

class Scan {
  #size = 0;
  #eightBit = false;
  #lineEnds = 0;
  #crlf = 0;
  #lastCr = false;
  readonly #head: Buffer[] = [];
  #headSize = 0;

  write(chunk: Buffer): void {
    this.#size += chunk.length;
    if (!this.#eightBit) this.#eightBit = hasEightBit(chunk);
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) {
      this.#lineEnds++;
      if (at === 0 ? this.#lastCr : chunk[at - 1] === 13) this.#crlf++;
    }
    this.#lastCr = chunk[chunk.length - 1] === 13;
    if (this.#headSize < headerLimit) {
      this.#head.push(chunk);
      this.#headSize += chunk.length;
    }
  }

  result(bytes: Buffer | null): Content {
    const head = Buffer.concat(this.#head).subarray(0, headerLimit).toString('latin1').replaceAll('\r\n', '\n');
    const end = head.startsWith('\n') ? 0 : head.indexOf('\n\n');
    const header = end < 0 ? head : head.slice(0, end + 1);
    return {
      size: this.#size + this.#lineEnds - this.#crlf,
      eightBit: this.#eightBit,
      eightBitHeader: this.#eightBit && /[\x80-\xff]/.test(header),
      hops: header.match(/^received:/gim)?.length ?? 0,
      header,
      bytes,
    };
  }
}

const hasEightBit = (chunk: Buffer): boolean => !isAscii(chunk);
