import type { Writable } from 'node:stream';

/** Octets up to which one copy is cheaper than a write of several pieces. */
const copyLimit = 64 * 1024;

/** What one tick writes, to leave at once. */
export class OutputBatch {
  #pieces: Uint8Array[] = [];
  /** Of the end: text of one encoding, not yet a piece. */
  #text = '';
  #encoding: 'utf8' | 'latin1' = 'utf8';
  #size = 0;

  /** Octets, about: characters of text count one. */
  get size(): number {
    return this.#size;
  }

  add(data: string | Uint8Array, encoding: 'utf8' | 'latin1'): void {
    if (typeof data === 'string') {
      if (encoding !== this.#encoding) this.#endText();
      this.#encoding = encoding;
      this.#text += data;
    } else {
      this.#endText();
      this.#pieces.push(data);
    }
    this.#size += data.length;
  }

  sendTo(target: Writable): void {
    const size = this.#size;
    if (this.#pieces.length === 0) {
      const text = this.#text;
      this.clear();
      target.write(text, this.#encoding);
      return;
    }
    this.#endText();
    const pieces = this.#pieces;
    this.clear();
    if (pieces.length === 1) target.write(pieces[0]!);
    else if (size <= copyLimit) target.write(Buffer.concat(pieces));
    else {
      target.cork();
      for (const piece of pieces) target.write(piece);
      target.uncork();
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#text = '';
    this.#size = 0;
  }

  #endText(): void {
    if (this.#text === '') return;
    this.#pieces.push(Buffer.from(this.#text, this.#encoding));
    this.#text = '';
  }
}
