import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { uniqueName } from '../files/name.ts';

/** Milliseconds: messages that follow each other that closely are worth a file made ahead, and for so long it is kept. */
const soon = 100;

export interface OpenFile {
  readonly path: string;
  readonly fd: number;
}

/**
 * The file for an account's next message, made in `tmp/` while nothing else is to be done: to find it an inode is what takes longest of
 * writing a short message, and whoever sends one after the other waits for it each time.
 */
export class SpareFile {
  readonly #folder: string;
  #made: OpenFile | null = null;
  #wanted = Number.NEGATIVE_INFINITY;
  #isWorthIt = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param folder `tmp/` */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** An empty file that is open for writing. Its name is not that of a message. */
  take(): OpenFile {
    const now = performance.now();
    this.#isWorthIt = now - this.#wanted < soon;
    this.#wanted = now;
    const made = this.#made;
    this.#made = null;
    return made ?? this.#open();
  }

  /** For the next one, where messages follow each other; it goes when none comes. */
  prepare(): void {
    if (this.#made !== null || !this.#isWorthIt) return;
    try {
      this.#made = this.#open();
    } catch {
      // Whoever needs it meets the same.
      return;
    }
    this.#later(soon);
  }

  #later(wait: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const left = this.#wanted + soon - performance.now();
      if (left > 0) this.#later(left);
      else this.drop();
    }, wait);
  }

  drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const made = this.#made;
    this.#made = null;
    if (made === null) return;
    closeSync(made.fd);
    rmSync(made.path, { force: true });
  }

  #open(): OpenFile {
    const path = `${this.#folder}/${uniqueName(Date.now())}`;
    return { path, fd: openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600) };
  }
}
