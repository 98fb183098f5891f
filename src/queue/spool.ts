import {
  closeSync,
  existsSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../mail/fault.ts';
import { isQueueId } from './id.ts';

/** A message on its way to the spool: octets in memory, or octets and then a file. */
export interface SpoolSource {
  readonly bytes: Uint8Array;
  readonly file: string | null;
}

/** Files of queued messages, `spool/<id>`. Used in the queue's thread: plain synchronous calls, but fsync of many files at once. */
export class Spool {
  readonly dir: string;
  readonly #fd: number;
  readonly #copy = Buffer.allocUnsafe(256 << 10);

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#fd = openSync(dir, 'r');
  }

  path(id: string): string {
    return join(this.dir, id);
  }

  has(id: string): boolean {
    return existsSync(this.path(id));
  }

  /** Puts a message's file in place of whatever there is; not durable. */
  restore(id: string, text: Uint8Array): void {
    const fresh = `${this.path(id)}.${process.pid}`;
    writeFileSync(fresh, text, { mode: 0o600 });
    renameSync(fresh, this.path(id));
  }

  /** Writes a message's file, not yet durable. @returns an open descriptor and the size; hand the descriptor to `sync` */
  write(id: string, source: SpoolSource): { fd: number; size: number } {
    const path = this.path(id);
    const fd = openSync(path, 'wx', 0o600);
    try {
      let size = writeAll(fd, source.bytes, source.bytes.length);
      if (source.file !== null) size += this.#append(fd, source.file);
      return { fd, size };
    } catch (error) {
      closeSync(fd);
      this.remove(id);
      throw error;
    }
  }

  #append(fd: number, file: string): number {
    const from = openSync(file, 'r');
    let size = 0;
    try {
      for (;;) {
        const n = readSync(from, this.#copy, 0, this.#copy.length, null);
        if (n === 0) return size;
        size += writeAll(fd, this.#copy, n);
      }
    } finally {
      closeSync(from);
    }
  }

  /** Makes a file's octets durable and closes it. A failure is final for the message: the kernel may have dropped its pages. */
  sync(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fsync(fd, (error) => {
        closeSync(fd);
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** As `sync`, of a file written before; one that is gone is no failure. */
  async syncFile(id: string): Promise<void> {
    let fd: number;
    try {
      fd = openSync(this.path(id), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await this.sync(fd);
  }

  /** Makes the names durable. */
  syncFolder(): void {
    fsyncSync(this.#fd);
  }

  remove(id: string): void {
    try {
      unlinkSync(this.path(id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Octets free for us. */
  free(): number {
    const { bavail, bsize } = statfsSync(this.dir);
    return bavail * bsize;
  }

  /** Ids of files last changed before `before` (milliseconds since 1970). */
  *old(before: number): Generator<string> {
    for (const name of readdirSync(this.dir)) {
      if (isQueueId(name) && (statSync(this.path(name), { throwIfNoEntry: false })?.mtimeMs ?? before) < before) yield name;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, length: number): number {
  let from = 0;
  while (from < length) from += writeSync(fd, bytes, from, length - from);
  return length;
}

/** What the file system said, in words of mail. */
export function spoolFault(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error instanceof Fault || !/^E[A-Z0-9]+$/.test(code)) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Fault('storageFull', `spool: ${code}`, { cause: error });
  return new Fault('unavailable', `spool: ${(error as Error).message}`, { cause: error });
}
