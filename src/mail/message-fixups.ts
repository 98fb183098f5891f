const lf = 10;
const empty = Buffer.alloc(0);
/** A line is a header field when its name and colon are within this. */
const nameLook = 1000;

/**
 * Puts the empty line between header and text where a message from the network has none, LF line ends in and out: the header
 * ends at the first line that is neither a field nor a continuation, as Postfix's cleanup has it. An mbox line in front becomes
 * X-Mailbox-Line. RFC 5322 2.1 wants the empty line; a person at a telnet prompt forgets it.
 */
export class HeaderGuard {
  #held: Buffer = empty;
  #inHeader = true;
  #first = true;
  /** Within a line that was taken for a field already. */
  #inLine = false;

  /** What to pass on instead of `chunk`; usually `chunk` itself once the header is over. */
  write(chunk: Buffer): Buffer[] {
    if (!this.#inHeader) return [chunk];
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = empty;
    return this.#scan(bytes, false);
  }

  end(): Buffer[] {
    const rest = this.#held;
    this.#held = empty;
    return this.#inHeader && rest.length > 0 ? this.#scan(rest, true) : [];
  }

  #scan(bytes: Buffer, final: boolean): Buffer[] {
    const out: Buffer[] = [];
    let from = 0;
    let at = 0;
    while (at < bytes.length) {
      if (!this.#inLine) {
        let end = bytes.indexOf(lf, at);
        if (end < 0) {
          if (!final && bytes.length - at < nameLook) break;
          end = bytes.length;
        }
        if (end === at) {
          this.#inHeader = false;
          break;
        }
        const line = bytes.toString('latin1', at, Math.min(end, at + nameLook));
        if (this.#first && /^>?From /.test(line)) {
          out.push(bytes.subarray(from, at), Buffer.from('X-Mailbox-Line: '));
          from = at;
        } else if (!(isField(line) || (!this.#first && /^[ \t]/.test(line)))) {
          out.push(bytes.subarray(from, at), Buffer.from('\n'));
          from = at;
          this.#inHeader = false;
          break;
        }
        this.#first = false;
      }
      const end = bytes.indexOf(lf, at);
      this.#inLine = end < 0;
      at = end < 0 ? bytes.length : end + 1;
    }
    if (!this.#inHeader) at = bytes.length;
    out.push(bytes.subarray(from, at));
    if (at < bytes.length) this.#held = Buffer.from(bytes.subarray(at));
    return out.filter((piece) => piece.length > 0);
  }
}

/** field-name and colon, white space between them allowed. RFC 5322 3.6.8, 4.5 */
function isField(line: string): boolean {
  return /^[\x21-\x39\x3b-\x7e\x80-\xff]+[ \t]*:/.test(line);
}
