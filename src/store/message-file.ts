import { closeSync, constants, fstatSync, openSync, read as readFd, readSync } from 'node:fs';
import type { MessageFile } from './store.ts';

/** Opens a plain file; null where there is none of that name. Links are not followed. */
export function openFile(path: string): MessageFile | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') return null;
    throw error;
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    return null;
  }
  return new OpenFile(fd, stat.size);
}

/** Longest file that is read at a stroke. Octets. */
const atOnce = 64 * 1024;
let room: Buffer | null = null;

/** Reads the start of a file into `room`. @returns octets; -1 where it cannot be read, or is a link */
function readInto(room: Buffer, path: string, length: number): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return -1;
  }
  try {
    return readSync(fd, room, 0, length, null);
  } catch {
    return -1;
  } finally {
    closeSync(fd);
  }
}

/**
 * A small plain file, in memory that the next one uses again. null where there is none of that name, where it is a link, or of another size. One octet more is
 * asked for than should be there: no need to look at the size first, nor at what it is, for only a plain file has just so many.
 */
export function readSmallFile(path: string, size: number): Buffer | null {
  if (size > atOnce || size === 0) return null;
  room ??= Buffer.allocUnsafeSlow(atOnce + 1);
  return readInto(room, path, size + 1) === size ? room.subarray(0, size) : null;
}

/** The first octets of a file, at most so many, as latin1. '' where it cannot be read, or is a link. */
export function readStart(path: string, length: number): string {
  room ??= Buffer.allocUnsafeSlow(atOnce + 1);
  return room.toString('latin1', 0, Math.max(0, readInto(room, path, Math.min(length, atOnce))));
}

class OpenFile implements MessageFile {
  readonly size: number;
  readonly #fd: number;
  #reads = 0;
  #isClosed = false;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.size = size;
  }

  readSync(position: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - position)));
    let at = 0;
    while (at < buffer.length) {
      const n = readSync(this.#fd, buffer, at, buffer.length - at, position + at);
      if (n === 0) break;
      at += n;
    }
    return buffer.subarray(0, at);
  }

  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - position)));
    return buffer.subarray(0, await this.readInto(buffer, position));
  }

  async readInto(room: Buffer, position: number): Promise<number> {
    this.#reads++;
    try {
      let at = 0;
      while (at < room.length) {
        const n = await this.#some(room, at, position + at);
        if (n === 0) break;
        at += n;
      }
      return at;
    } finally {
      if (--this.#reads === 0 && this.#isClosed) closeSync(this.#fd);
    }
  }

  #some(buffer: Buffer, at: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      readFd(this.#fd, buffer, at, buffer.length - at, position, (error, n) => (error === null ? resolve(n) : reject(error)));
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A read under way keeps the descriptor, so that its number is not given to another file.
    if (this.#reads === 0) closeSync(this.#fd);
  }
}
