import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Bytes of one message on their way in. Lines end with LF. Small ones stay in memory, larger ones are in a file.
 * Whoever holds it calls `discard` when done; that removes the file.
 */
export interface Staged {
  /** Octets, LF form. */
  readonly size: number;
  /** What is in memory, in order; empty when `file` is set. */
  readonly chunks: readonly Uint8Array[];
  readonly file: string | null;
  discard(): Promise<void>;
}

/** Memory held by all stagings of this process; past its limit every staging goes to disk. */
let held = 0;

/** Collects a message: in memory up to `memoryLimit` octets, then in a file in `dir` (not synced: it is a waiting room, not a store). */
export class Staging {
  readonly #dir: string;
  readonly #memoryLimit: number;
  readonly #totalLimit: number;
  #chunks: Uint8Array[] = [];
  #inMemory = 0;
  #size = 0;
  #file: string | null = null;
  #handle: FileHandle | null = null;
  #own: ArrayBuffer[] = [];

  /** @param memoryLimit octets for this message; @param totalLimit octets for all messages of the process */
  constructor(dir: string, memoryLimit = 1 << 20, totalLimit = 64 << 20) {
    this.#dir = dir;
    this.#memoryLimit = memoryLimit;
    this.#totalLimit = totalLimit;
  }

  /** Octets so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes ownership of `chunk`. Returns a promise only where the caller must wait for the disk. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    this.#size += chunk.length;
    if (this.#handle !== null) return this.#append(chunk);
    this.#chunks.push(chunk);
    this.#inMemory += chunk.length;
    held += chunk.length;
    if (this.#inMemory > this.#memoryLimit || held > this.#totalLimit) return this.#spill();
    return undefined;
  }

  /**
   * Nobody else needs this memory of chunks: it is given back with the message, not when the garbage collector comes to it. Of a
   * megabyte each it would come often, for memory outside its heap, and look through all of its heap each time.
   */
  own(memory: ArrayBuffer): void {
    if (this.#handle === null) this.#own.push(memory);
  }

  async finish(): Promise<Staged> {
    await this.#handle?.close();
    this.#handle = null;
    const file = this.#file;
    const kept = this.#inMemory;
    this.#inMemory = 0;
    const own = this.#own;
    this.#own = [];
    let done = false;
    return {
      size: this.#size,
      chunks: this.#chunks,
      file,
      discard: async () => {
        if (done) return;
        done = true;
        held -= kept;
        free(own);
        if (file !== null) await rm(file, { force: true });
      },
    };
  }

  /** Drops what was written. */
  async abort(): Promise<void> {
    held -= this.#inMemory;
    this.#inMemory = 0;
    this.#chunks = [];
    free(this.#own.splice(0));
    await this.#handle?.close();
    this.#handle = null;
    if (this.#file !== null) await rm(this.#file, { force: true });
  }

  async #spill(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    const own = this.#own.splice(0);
    held -= this.#inMemory;
    this.#inMemory = 0;
    this.#file = join(this.#dir, `staging.${process.pid}.${randomBytes(8).toString('hex')}`);
    this.#handle = await open(this.#file, 'wx', 0o600);
    for (const chunk of chunks) await this.#append(chunk);
    free(own);
  }

  async #append(chunk: Uint8Array): Promise<void> {
    let from = 0;
    while (from < chunk.length) from += (await this.#handle!.write(chunk, from)).bytesWritten;
  }
}

function free(memory: readonly ArrayBuffer[]): void {
  for (const buffer of memory) buffer.transfer(0);
}

/** A message that is whole in memory. */
export function stagedBytes(bytes: Uint8Array): Staged {
  return { size: bytes.length, chunks: [bytes], file: null, discard: async () => {} };
}
