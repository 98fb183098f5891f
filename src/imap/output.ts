import { crlfInto } from '../mail/line-ends.ts';
import type { Connection } from '../net/connection.ts';

/** What is collected is handed over in pieces of about this many octets: text, and what lies in a room. */
const piece = 32 * 1024;
const roomPiece = 64 * 1024;
/** Octets of a room for a long answer: a piece and what may come on top. */
const roomSize = roomPiece + piece;
/** Octets that are longer go out without being copied once more. */
const big = 16 * 1024;

/** Responses on their way out. Strings are octets as latin1; what is written leaves in the order it was written. */
export class Output {
  readonly #connection: Connection;
  /** Octets that came before the text lie here, from where they leave. */
  #room: Buffer | null = null;
  #used = 0;
  #text = '';
  /** More is on its way than was asked for at once: rooms are made for many. */
  #isLong = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Adds text as it is. */
  text(octets: string): void {
    this.#text += octets;
    if (this.#text.length > piece) this.#send();
  }

  bytes(octets: Uint8Array): void {
    if (octets.length > big) {
      this.#send();
      this.#connection.write(octets);
      return;
    }
    const room = this.#roomFor(octets.length);
    room.set(octets, this.#used);
    this.#used += octets.length;
    if (this.#used > roomPiece) this.#send();
  }

  /**
   * A literal with CRLF for line ends of whatever kind: octet for octet into what leaves, no strings in between.
   *
   * @param likely how many octets it has then, as far as is known
   */
  literal(label: string, octets: Buffer, likely: number): void {
    const head = `${label} {${likely}}\r\n`;
    this.#text += head;
    const room = this.#roomFor(2 * octets.length);
    const begin = this.#used - head.length;
    const size = crlfInto(room.subarray(this.#used), octets);
    this.#used += size;
    if (size !== likely) {
      const right = `${label} {${size}}\r\n`;
      room.copyWithin(begin + right.length, begin + head.length, this.#used);
      room.write(right, begin, 'latin1');
      this.#used = begin + right.length + size;
    }
    if (this.#used > roomPiece) this.#send();
  }

  /** One untagged response. */
  untagged(response: string): void {
    this.text(`* ${response}\r\n`);
  }

  line(response: string): void {
    this.text(`${response}\r\n`);
  }

  flush(): void {
    this.#send();
    this.#room = null;
    this.#isLong = false;
  }

  /** With the text in it, and place for `octets` and a few digits more. */
  #roomFor(octets: number): Buffer {
    const more = this.#text.length + octets + 16;
    if (this.#room === null || this.#used + more > this.#room.length) {
      const text = this.#text;
      this.#text = '';
      this.#send();
      this.#text = text;
      this.#room = Buffer.allocUnsafeSlow(this.#isLong ? Math.max(roomSize, more) : more);
      this.#isLong = true;
    }
    this.#used += this.#room.write(this.#text, this.#used, 'latin1');
    this.#text = '';
    return this.#room;
  }

  #send(): void {
    if (this.#used > 0) {
      this.#connection.write(this.#room!.subarray(0, this.#used));
      this.#room = null;
      this.#used = 0;
    }
    if (this.#text === '') return;
    this.#connection.write(this.#text, 'latin1');
    this.#text = '';
  }

  /** Hands everything over. A promise only where the client is slower than we are. */
  drained(): Promise<void> | undefined {
    this.flush();
    return this.slow();
  }

  /** Octets written and not yet taken by the system; nobody looks at those before them any more. */
  get pending(): number {
    return this.#used + this.#text.length + this.#connection.pendingOutput;
  }

  slow(): Promise<void> | undefined {
    return this.#connection.pendingOutput > 64 * 1024 ? this.#connection.drain() : undefined;
  }
}
