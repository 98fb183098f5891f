/** A next hop's answer, as it came. RFC 5321 4.2 */
export interface RemoteReply {
  readonly code: number;
  /** Text of each line without the code; control characters replaced. */
  readonly lines: readonly string[];
}

/** `550 5.1.1 No such user`, lines joined by a space; octets kept as they are but for controls. */
export const replyText = ({ code, lines }: RemoteReply): string => `${code} ${lines.join(' ')}`.trimEnd();

/** Limits that no honest server comes near: octets of a line (RFC 5321 4.5.3.1.5 says 512), lines of a reply. */
const longestLine = 4096;
const mostLines = 512;

/**
 * Collects replies from what a server sends. A line end is LF, with or without CR.
 *
 * QUIRK: some servers send `250` alone, without a space or text; it is a last line.
 */
export class ReplyReader {
  #rest: Buffer = Buffer.alloc(0);
  #lines: string[] = [];

  /** Octets that came after the last whole reply. */
  get partial(): number {
    return this.#rest.length + this.#lines.length;
  }

  /** @returns whole replies, or a word on what is wrong */
  write(chunk: Buffer): RemoteReply[] | string {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const replies: RemoteReply[] = [];
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      const end = at > from && bytes[at - 1] === 13 ? at - 1 : at;
      if (end - from > longestLine) return 'a line that is too long';
      const line = bytes.toString('utf8', from, end);
      from = at + 1;
      const match = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(line);
      if (match === null) return `a line that is no SMTP reply: ${clean(line).slice(0, 100)}`;
      this.#lines.push(clean(match[3] ?? ''));
      if (this.#lines.length > mostLines) return 'a reply without end';
      if (match[2] === '-') continue;
      replies.push({ code: Number(match[1]), lines: this.#lines });
      this.#lines = [];
    }
    this.#rest = bytes.subarray(from);
    return this.#rest.length > longestLine ? 'a line that is too long' : replies;
  }
}

const clean = (text: string): string => text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, '?').slice(0, 1000);

/** `5.1.1` where the reply begins with one that fits its code. RFC 2034 4 */
export function enhancedStatus(reply: string): string | null {
  const match = /^([245])\d\d[ -]([245])\.(\d{1,3})\.(\d{1,3})(?= |$)/.exec(reply);
  return match === null || match[1] !== match[2] ? null : `${match[2]}.${match[3]}.${match[4]}`;
}
