import type { Connection } from '../net/connection.ts';

/** What is collected is handed over in pieces of about this many octets. */
const piece = 32 * 1024;
/** Octets that are longer go out without being copied once more. */
const big = 16 * 1024;

/** Responses on their way out. Strings are octets as latin1; what is written leaves in the order it was written. */
export class Output {
  readonly #connection: Connection;
  /** What came before the last text. */
  #parts: (string | Uint8Array)[] = [];
  #text = '';
  #size = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Adds text as it is. */
  text(octets: string): void {
    this.#text += octets;
    this.#size += octets.length;
    if (this.#size > piece) this.flush();
  }

  bytes(octets: Uint8Array): void {
    if (octets.length > big) {
      this.flush();
      this.#connection.write(octets);
      return;
    }
    this.#parts.push(this.#text, octets);
    this.#text = '';
    this.#size += octets.length;
    if (this.#size > piece) this.flush();
  }

  /** One untagged response. */
  untagged(response: string): void {
    this.text(`* ${response}\r\n`);
  }

  line(response: string): void {
    this.text(`${response}\r\n`);
  }

  flush(): void {
    if (this.#size === 0) return;
    if (this.#parts.length === 0) this.#connection.write(this.#text, 'latin1');
    else {
      this.#parts.push(this.#text);
      const all = Buffer.allocUnsafe(this.#size);
      let at = 0;
      for (const part of this.#parts) {
        if (typeof part === 'string') at += all.write(part, at, 'latin1');
        else {
          all.set(part, at);
          at += part.length;
        }
      }
      this.#connection.write(all);
      this.#parts = [];
    }
    this.#text = '';
    this.#size = 0;
  }

  /** Hands everything over. A promise only where the client is slower than we are. */
  drained(): Promise<void> | undefined {
    this.flush();
    return this.slow();
  }

  /** Octets written and not yet taken by the system; nobody looks at those before them any more. */
  get pending(): number {
    return this.#size + this.#connection.pendingOutput;
  }

  slow(): Promise<void> | undefined {
    return this.#connection.pendingOutput > 64 * 1024 ? this.#connection.drain() : undefined;
  }
}
