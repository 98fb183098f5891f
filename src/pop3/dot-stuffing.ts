import { crlfText } from '../mail/line-ends.ts';

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

  write(input: Buffer): Buffer {
    // At most one octet more for each.
    const output = Buffer.allocUnsafe(input.length * 2);
    let size = 0;
    for (let at = 0; at < input.length && !this.#done; ) {
      const found = input.indexOf(LF, at);
      const end = found === -1 ? input.length : found;
      if (end > at) {
        if (this.#lineStart && input[at] === dot) output[size++] = dot;
        size += input.copy(output, size, at, end);
        for (let i = at; this.#empty && i < end; i++) this.#empty = input[i] === CR;
        this.#lineStart = false;
        this.#last = input[end - 1]!;
      }
      if (found === -1) break;
      if (this.#last !== CR) output[size++] = CR;
      output[size++] = LF;
      this.#endLine();
      at = end + 1;
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
    this.#last = LF;
  }
}

/**
 * The same of a whole message at once, octets as latin1, with the dot at the end.
 *
 * @param hasCrlf its line ends are CRLF throughout
 */
export function dotStuffed(message: string, hasCrlf: boolean): string {
  let text = hasCrlf ? message : crlfText(message);
  if (text.includes('\n.')) text = text.replaceAll('\n.', '\n..');
  if (text.startsWith('.')) text = `.${text}`;
  if (text === '' || text.endsWith('\n')) return `${text}.\r\n`;
  return text.endsWith('\r') ? `${text}\n.\r\n` : `${text}\r\n.\r\n`;
}
