const LF = 10;
const CR = 13;
const dot = 46;

/**
 * Turns a message as it lies on disk (LF or CRLF line ends) into what RETR and TOP send: CRLF line ends, a dot doubled at the start
 * of a line, and `.` alone at the end. Any cut of the input gives the same output. RFC 1939 3
 */
export class DotStuffing {
  /** Lines of the body still to send; Infinity for all. */
  #lines: number;
  #inHeader = true;
  #lineStart = true;
  /** The line so far is empty or a CR. */
  #empty = true;
  #last = LF;
  #done = false;

  constructor(bodyLines = Number.POSITIVE_INFINITY) {
    this.#lines = bodyLines;
  }

  /** Nothing more is wanted. */
  get done(): boolean {
    return this.#done;
  }

  write(input: Uint8Array): Buffer {
    // At most one octet more for each.
    const output = Buffer.allocUnsafe(input.length * 2);
    let size = 0;
    for (let i = 0; i < input.length && !this.#done; i++) {
      const octet = input[i]!;
      if (octet === LF) {
        if (this.#last !== CR) output[size++] = CR;
        output[size++] = LF;
        this.#endLine();
      } else {
        if (this.#lineStart && octet === dot) output[size++] = dot;
        output[size++] = octet;
        this.#lineStart = false;
        this.#empty &&= octet === CR;
      }
      this.#last = octet;
    }
    return output.subarray(0, size);
  }

  /** The last line's end where it lacks one, and the dot. */
  end(): string {
    if (this.#lineStart) return '.\r\n';
    return this.#last === CR ? '\n.\r\n' : '\r\n.\r\n';
  }

  #endLine(): void {
    if (this.#inHeader) {
      if (this.#empty) this.#inHeader = false;
      this.#done = !this.#inHeader && this.#lines === 0;
    } else if (--this.#lines === 0) this.#done = true;
    this.#lineStart = true;
    this.#empty = true;
  }
}
