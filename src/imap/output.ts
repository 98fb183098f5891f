import type { Connection } from '../net/connection.ts';

/** Text is handed over in pieces of about this many octets. */
const piece = 16 * 1024;

/** Responses on their way out. Strings are octets as latin1; what is written leaves in the order it was written. */
export class Output {
  readonly #connection: Connection;
  #text = '';

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Adds text as it is. */
  text(octets: string): void {
    this.#text += octets;
    if (this.#text.length > piece) this.flush();
  }

  bytes(octets: Uint8Array): void {
    if (octets.length === 0) return;
    this.flush();
    this.#connection.write(octets);
  }

  /** One untagged response. */
  untagged(response: string): void {
    this.text(`* ${response}\r\n`);
  }

  line(response: string): void {
    this.text(`${response}\r\n`);
  }

  flush(): void {
    if (this.#text === '') return;
    this.#connection.write(this.#text, 'latin1');
    this.#text = '';
  }

  /** Hands everything over. A promise only where the client is slower than we are. */
  drained(): Promise<void> | undefined {
    this.flush();
    return this.slow();
  }

  slow(): Promise<void> | undefined {
    return this.#connection.pendingOutput > 64 * 1024 ? this.#connection.drain() : undefined;
  }
}
