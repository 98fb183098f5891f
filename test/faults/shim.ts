import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Skip } from './fault-test.ts';

const calls = { open: 1, write: 2, sync: 4, rename: 8, link: 16, syncfs: 32 } as const;
export type Call = keyof typeof calls;

export interface Spoil {
  readonly calls: readonly Call[];
  /** What the call says; `short` writes half, `slow` only waits. */
  readonly error: 'EIO' | 'ENOSPC' | 'EMFILE' | 'short' | 'slow';
  /** Part of the paths it is about. */
  readonly path: string;
  /** The how manieth call of these, and how many from there. Default 1 and 1. */
  readonly first?: number;
  readonly times?: number;
  /** Milliseconds before it. */
  readonly delay?: number;
  /** A new file whose fsync failed loses what was written, as on a machine that crashes then. */
  readonly destroy?: boolean;
}

/** Calls of the server's processes on files that fail, fall short or take their time, and a clock that can be moved. */
export class Shim {
  readonly env: Readonly<Record<string, string>>;
  readonly #fd: number;

  /** @throws Skip where there is no C compiler */
  constructor(dir: string) {
    const library = join(dir, 'shim.so');
    const source = fileURLToPath(new URL('shim.c', import.meta.url));
    const made = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { encoding: 'utf8' });
    if (made.error !== undefined) throw new Skip('no gcc here');
    if (made.status !== 0) throw new Error(made.stderr);
    const file = join(dir, 'shim.control');
    writeFileSync(file, Buffer.alloc(512));
    this.#fd = openSync(file, 'r+');
    this.env = { LD_PRELOAD: library, SHIM_CONTROL: file };
  }

  arm({ calls: names, error, path, first = 1, times = 1, delay = 0, destroy = false }: Spoil): void {
    this.disarm();
    const bytes = Buffer.alloc(32);
    bytes.writeUInt32LE(
      names.reduce((sum, name) => sum | calls[name], 0),
      4,
    );
    bytes.writeInt32LE(error === 'short' ? -1 : error === 'slow' ? 0 : constants.errno[error], 8);
    bytes.writeUInt32LE(delay, 12);
    bytes.writeUInt32LE(first, 16);
    bytes.writeUInt32LE(times, 20);
    const rest = Buffer.alloc(448);
    rest.write(path.slice(0, 191));
    writeSync(this.#fd, rest, 0, 448, 64);
    writeSync(this.#fd, Buffer.from([destroy ? 1 : 0, 0, 0, 0]), 0, 4, 40);
    writeSync(this.#fd, bytes, 4, 28, 4);
    writeSync(this.#fd, Buffer.from([1, 0, 0, 0]), 0, 4, 0);
  }

  disarm(): void {
    writeSync(this.#fd, Buffer.alloc(4), 0, 4, 0);
  }

  /** Calls spoilt since `arm`, and the path of the last one. */
  get hits(): { readonly count: number; readonly path: string } {
    const bytes = Buffer.alloc(512);
    readSync(this.#fd, bytes, 0, 512, 0);
    const path = bytes.subarray(256);
    return { count: bytes.readUInt32LE(28), path: path.subarray(0, path.indexOf(0)).toString() };
  }

  /** Moves the clock of all processes, seconds from the true time. */
  setClock(offset: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(offset));
    writeSync(this.#fd, bytes, 0, 8, 32);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
