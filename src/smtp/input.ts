import { Fault } from '../mail/fault.ts';
import type { Connection } from '../net/connection.ts';

const LF = 10;
const CR = 13;
const none = Buffer.alloc(0);
/** Octets of an overlong line that are read and dropped before the client is cut off. */
const skipLimit = 1 << 20;

export type LineDefect = 'tooLong' | 'bareLf' | 'bareCr';

/** What came from the client and was not read yet: lines with CRLF and nothing else, or raw chunks. */
export class Input {
  readonly #connection: Connection;
  #buffer: Buffer = none;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Octets that are here already: the client did not wait for our reply. */
  get buffered(): number {
    return this.#buffer.length + this.#connection.buffered;
  }

  /** Next line without its CRLF; null at the end of input. A line ends with CRLF (RFC 5321 2.3.8), a typed one with LF; anything else is said. @throws Fault timedOut */
  async line(limit: number, timeoutMs: number): Promise<Buffer | LineDefect | null> {
    const deadline = performance.now() + timeoutMs;
    let from = 0;
    let skipped = 0;
    for (;;) {
      const end = this.#buffer.indexOf(LF, from);
      if (end !== -1) {
        const line = this.#buffer.subarray(0, end);
        // An idle session must not hold on to what it has read.
        this.#buffer = end + 1 === this.#buffer.length ? none : this.#buffer.subarray(end + 1);
        const length = line[end - 1] === CR ? end - 1 : end;
        // QUIRK: openssl s_client without -crlf sends what is typed with LF alone (OpenSSL 3, 2026-11). A line that
        // came by itself is a person's; with more behind it, it may be somebody else's message.
        if (length === end && this.buffered > 0) return 'bareLf';
        // Length before content: the first part of a long line is gone by now.
        if (skipped + length > limit) return 'tooLong';
        const text = line.subarray(0, length);
        return text.includes(CR) ? 'bareCr' : text;
      }
      // Its first part is dropped; the CR that may belong to the end is kept.
      if (this.#buffer.length > limit + 1) {
        const keep = this.#buffer[this.#buffer.length - 1] === CR ? 1 : 0;
        skipped += this.#buffer.length - keep;
        this.#buffer = keep === 1 ? Buffer.of(CR) : Buffer.of(0);
        if (skipped > skipLimit) throw new Fault('tooBig', 'endless line');
      }
      from = this.#buffer.length;
      const more = await this.#connection.readChunk(Math.max(1, deadline - performance.now()));
      if (more === null) return null;
      this.#buffer = from === 0 ? more : Buffer.concat([this.#buffer, more]);
    }
  }

  /** Whatever has come; null at the end of input. @throws Fault timedOut */
  chunk(timeoutMs: number): Promise<Buffer | null> | Buffer {
    if (this.#buffer.length === 0) return this.#connection.readChunk(timeoutMs);
    const chunk = this.#buffer;
    this.#buffer = none;
    return chunk;
  }

  /** Puts back the end of what `chunk` gave. */
  unread(rest: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? rest : Buffer.concat([rest, this.#buffer]);
  }

  /** Drops what is here. @returns octets */
  discard(): number {
    const { length } = this.#buffer;
    this.#buffer = none;
    return length;
  }
}
