import { type Staged, Staging } from '../base/staging.ts';
import type { Reply } from '../mail/reply.ts';
import { DataScanner } from './grammar/data.ts';
import { HeaderGate } from './grammar/header-gate.ts';

/** Octets beyond the size limit that are still read and dropped, so that the client hears why. */
const patience = 64 << 20;

/** Octets of a message that are kept in memory; larger ones wait in a file. */
const inMemory = 2 << 20;
/** Pieces smaller than this are put together first, at most so many at a time. */
const crumb = 4096;
const mostCrumbs = 256;
/** Octets of one read from which its memory is worth giving back by hand. */
const worthFreeing = 16 << 10;

/** A message as it comes in: framed, in LF form, staged. */
export class Receiver {
  readonly #scanner: DataScanner;
  readonly #gate = new HeaderGate();
  readonly #staging: Staging;
  readonly #limit: number;
  readonly #hostname: string;
  #staged = true;
  #crumbs: Uint8Array[] = [];
  #crumbled = 0;

  /** @param dots DATA's transparency and end mark; not for BDAT */
  constructor(dir: string, limit: number, hostname: string, dots: boolean) {
    this.#scanner = new DataScanner(dots);
    this.#staging = new Staging(dir, inMemory);
    this.#limit = limit;
    this.#hostname = hostname;
  }

  /** Octets so far, CRLF form. */
  get size(): number {
    return this.#scanner.size;
  }

  /** Why the message cannot be taken, as far as it has come; null while it can. */
  get refusal(): Reply | null {
    const { defect } = this.#scanner;
    if (defect === 'NUL') return { code: 550, detail: '6.0', text: 'Error: NUL octet in message' };
    // The session ends with this one: what follows may be meant as another message. RFC 5321 2.3.8
    if (defect !== null) return { code: 521, detail: '5.2', text: `${this.#hostname} Error: bare <${defect.slice(5)}> received` };
    if (this.size > this.#limit) return { code: 552, detail: '3.4', text: 'Message size exceeds fixed limit' };
    return null;
  }

  /** Too much is coming in even to be dropped. */
  get hopeless(): boolean {
    return this.size > this.#limit + patience;
  }

  /**
   * @param chunk is written to
   * @returns where the next command starts in it, -1 while the message goes on
   */
  take(chunk: Buffer): number | Promise<number> {
    const { bytes, end } = this.#scanner.scan(chunk);
    if (this.refusal !== null) {
      if (!this.#staged) return end;
      this.#staged = false;
      return this.#staging.abort().then(() => end);
    }
    const waiting = this.#write(this.#gate.pass(bytes));
    // All of what the system gave for this read, and all of it the message.
    const { buffer } = chunk;
    if (end === -1 && chunk.length >= worthFreeing && chunk.length === buffer.byteLength && buffer instanceof ArrayBuffer) {
      this.#staging.own(buffer);
    }
    return waiting === undefined ? end : waiting.then(() => end);
  }

  /** The whole message; null where it was refused. */
  async finish(): Promise<Staged | null> {
    const ending = this.#scanner.finish();
    if (this.refusal !== null) {
      await this.abort();
      return null;
    }
    await this.#write(this.#gate.pass(ending));
    await this.#write(this.#gate.finish());
    if (this.#crumbs.length > 0) await this.#staging.write(this.#gathered());
    this.#staged = false;
    return await this.#staging.finish();
  }

  async abort(): Promise<void> {
    if (!this.#staged) return;
    this.#staged = false;
    await this.#staging.abort();
  }

  #write(parts: readonly Uint8Array[]): Promise<void> | undefined {
    let waiting: Promise<void> | undefined;
    for (const part of parts) {
      let block: Uint8Array | null = part;
      // A client that sends octet by octet must not make us keep a buffer for each.
      if (this.#crumbs.length > 0 || part.length < crumb) block = this.#collect(part);
      if (block !== null) waiting = this.#stage(block, waiting);
    }
    return waiting;
  }

  #collect(part: Uint8Array): Uint8Array | null {
    this.#crumbs.push(part);
    this.#crumbled += part.length;
    return this.#crumbled >= crumb || this.#crumbs.length >= mostCrumbs ? this.#gathered() : null;
  }

  #gathered(): Uint8Array {
    const block = this.#crumbs.length === 1 ? this.#crumbs[0]! : Buffer.concat(this.#crumbs);
    this.#crumbs = [];
    this.#crumbled = 0;
    return block;
  }

  #stage(block: Uint8Array, before: Promise<void> | undefined): Promise<void> | undefined {
    return before === undefined ? this.#staging.write(block) : before.then(() => this.#staging.write(block));
  }
}
