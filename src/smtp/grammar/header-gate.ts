const LF = 10;
const COLON = 58;
const SPACE = 32;
const TAB = 9;
const none = new Uint8Array(0);
const emptyLine = Uint8Array.of(LF);
const mailboxLine = Buffer.from('X-Mailbox-Line: ');
/** A field name longer than this is none. */
const longestName = 998;

type LineKind = 'field' | 'continuation' | 'empty' | 'body' | 'undecided';

/**
 * Puts the empty line between header and body where a message typed by hand lacks it: the header ends at the first line that is no
 * field, as Postfix's cleanup has it. A `From ` line of a mailbox file at the very start becomes a field. Text in LF form, any chunks.
 */
export class HeaderGate {
  #done = false;
  #first = true;
  #midLine = false;
  #held: Uint8Array = none;

  pass(bytes: Uint8Array): readonly Uint8Array[] {
    if (this.#done) return bytes.length === 0 ? [] : [bytes];
    const text = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = none;
    let at = 0;
    const before: Uint8Array[] = [];
    let from = 0;
    for (;;) {
      if (this.#midLine) {
        const end = text.indexOf(LF, at);
        if (end === -1) break;
        this.#midLine = false;
        at = end + 1;
      }
      const kind = at === text.length ? 'undecided' : this.#kind(text, at);
      if (kind === 'undecided') {
        this.#held = text.slice(at);
        return add(before, text.subarray(from, at));
      }
      if (kind === 'empty' || kind === 'body') {
        this.#done = true;
        if (kind === 'empty') break;
        if (this.#first && isMailboxLine(text, at)) {
          this.#done = false;
          this.#first = false;
          this.#midLine = true;
          before.push(mailboxLine);
          continue;
        }
        add(before, text.subarray(from, at));
        before.push(emptyLine);
        from = at;
        break;
      }
      this.#first = false;
      this.#midLine = true;
    }
    return add(before, text.subarray(from));
  }

  /** The message is over: what was held back. */
  finish(): readonly Uint8Array[] {
    const held = this.#held;
    this.#held = none;
    if (this.#done || held.length === 0) return [];
    return [emptyLine, held];
  }

  #kind(text: Uint8Array, at: number): LineKind {
    const first = text[at]!;
    if (first === LF) return 'empty';
    if (first === SPACE || first === TAB) return this.#first ? 'body' : 'continuation';
    if (this.#first && maybeMailboxLine(text, at)) return 'undecided';
    for (let i = at; i < text.length; i++) {
      const octet = text[i]!;
      if (octet === COLON) return i > at ? 'field' : 'body';
      if (i - at > longestName) return 'body';
      if (octet === SPACE || octet === TAB) {
        // White space may stand before the colon. RFC 5322 4.5.8
        while (text[i] === SPACE || text[i] === TAB) i++;
        if (i - at > longestName) return 'body';
        if (i === text.length) return 'undecided';
        return text[i] === COLON ? 'field' : 'body';
      }
      if (octet < 33 || octet > 126) return 'body';
    }
    return 'undecided';
  }
}

function add(parts: Uint8Array[], more: Uint8Array): Uint8Array[] {
  if (more.length > 0) parts.push(more);
  return parts;
}

const from = Buffer.from('From ');

/** `From `, with `>` before it or not. */
function isMailboxLine(text: Uint8Array, at: number): boolean {
  let start = at;
  while (text[start] === 62) start++;
  return start - at <= longestName && from.every((octet, i) => text[start + i] === octet);
}

/** What is there so far could become one. */
function maybeMailboxLine(text: Uint8Array, at: number): boolean {
  let start = at;
  while (text[start] === 62) start++;
  if (start - at > longestName) return false;
  const there = text.length - start;
  return there < from.length && from.subarray(0, there).every((octet, i) => text[start + i] === octet);
}
