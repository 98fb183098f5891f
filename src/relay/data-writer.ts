const cr = 13;
const lf = 10;
const dot = 46;

/**
 * Message text on its way out: every line end (LF, CRLF, or a CR alone) becomes CRLF, a dot that begins a line is doubled, and
 * the end is `CRLF . CRLF`. So no bare CR or LF ever leaves, whatever the spool holds. RFC 5321 2.3.8, 4.5.2
 */
export class DataWriter {
  /** The last octet was CR, its line end already written. */
  #afterCr = false;
  #lineStart = true;

  write(chunk: Uint8Array): Buffer {
    if (!this.#afterCr && !chunk.includes(cr)) return this.#writeLf(chunk);
    const out = Buffer.allocUnsafe(this.#sizeOf(chunk));
    let to = 0;
    let afterCr = this.#afterCr;
    let lineStart = this.#lineStart;
    for (let i = 0; i < chunk.length; i++) {
      const c = chunk[i]!;
      if (c === lf || c === cr) {
        if (c === cr || !afterCr) {
          out[to++] = cr;
          out[to++] = lf;
        }
        afterCr = c === cr;
        lineStart = true;
        continue;
      }
      if (lineStart && c === dot) out[to++] = dot;
      out[to++] = c;
      afterCr = false;
      lineStart = false;
    }
    this.#afterCr = afterCr;
    this.#lineStart = lineStart;
    return out.subarray(0, to);
  }

  /** Text without CR, as nearly all is, by string replacement: several times as fast as octet by octet. */
  #writeLf(chunk: Uint8Array): Buffer {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    if (text === '') return Buffer.alloc(0);
    const dotted = this.#lineStart && text.startsWith('.') ? `.${text}` : text;
    const wire = (dotted.includes('\n.') ? dotted.replaceAll('\n.', '\n..') : dotted).replaceAll('\n', '\r\n');
    this.#lineStart = text.endsWith('\n');
    return Buffer.from(wire, 'latin1');
  }

  /** An upper bound. */
  #sizeOf(chunk: Uint8Array): number {
    let extra = 1;
    for (let i = 0; i < chunk.length; i++) {
      const c = chunk[i]!;
      if (c === lf || c === cr || c === dot) extra++;
    }
    return chunk.length + extra;
  }

  end(): Buffer {
    return Buffer.from(this.#lineStart ? '.\r\n' : '\r\n.\r\n');
  }
}
