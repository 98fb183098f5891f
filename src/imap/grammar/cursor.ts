import { Fault } from '../../mail/fault.ts';

const tagRule = /[^\x00-\x20(){%*"\\+\x7f-\xff]+/y;
const atomRule = /[^\x00-\x20(){%*"\\\]\x7f-\xff]+/y;
const astringRule = /[^\x00-\x20(){%*"\\\x7f-\xff]+/y;
const listMailboxRule = /[^\x00-\x20(){"\\\x7f-\xff]+/y;
const quotedRule = /"((?:[^"\\\r\n\0]|\\["\\])*)"/y;
const literalRule = /(~)?\{(\d{1,10})\+?\}\r\n/y;
const nilRule = /nil(?=[ )]|$)/iy;
const numberRule = /\d{1,20}/y;

/**
 * Reads one command from left to right. The text is the command's octets as latin1, literals inlined behind their `{n}` CRLF;
 * message literals, which were streamed elsewhere, leave only the `{n}` CRLF and are taken with `message`.
 * Every rule either moves on or throws Fault syntax. RFC 9051 9
 */
export class Cursor {
  readonly text: string;
  at = 0;
  /** How deep lists are nested at this point. */
  depth = 0;
  readonly maxDepth: number;
  /** Mailbox names and strings are UTF-8 (IMAP4rev2 or UTF8=ACCEPT enabled). RFC 6855 3 */
  readonly utf8: boolean;
  #messages = 0;

  constructor(text: string, options: { readonly utf8?: boolean; readonly maxDepth?: number } = {}) {
    this.text = text;
    this.utf8 = options.utf8 ?? false;
    this.maxDepth = options.maxDepth ?? 64;
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** The octet here as a one-character string, '' at the end. */
  get next(): string {
    return this.text.charAt(this.at);
  }

  fail(expected: string): never {
    throw new Fault('syntax', this.atEnd ? `${expected} expected at the end` : `${expected} expected at octet ${this.at + 1}`);
  }

  /** Moves over `word` if it is next, letter case aside. */
  accept(word: string): boolean {
    const end = this.at + word.length;
    const here = this.text.slice(this.at, end);
    if (here !== word && here.toUpperCase() !== word.toUpperCase()) return false;
    this.at = end;
    return true;
  }

  /** As `accept`, but only where the word ends here. */
  acceptWord(word: string): boolean {
    const end = this.at + word.length;
    const after = this.text.charAt(end);
    if (after !== '' && after !== ' ' && after !== ')') return false;
    return this.accept(word);
  }

  expect(word: string): void {
    if (!this.accept(word)) this.fail(`"${word}"`);
  }

  /** The match of a sticky `rule` here, its first group when it has one. */
  take(what: string, rule: RegExp): string {
    rule.lastIndex = this.at;
    const match = rule.exec(this.text);
    if (match === null) this.fail(what);
    this.at = rule.lastIndex;
    return match[1] ?? match[0];
  }

  looksLike(rule: RegExp): boolean {
    rule.lastIndex = this.at;
    return rule.test(this.text);
  }

  space(): void {
    if (this.text.charCodeAt(this.at) !== 32) this.fail('space');
    this.at++;
  }

  end(): void {
    // QUIRK: some clients put a space before CRLF.
    if (this.text.charCodeAt(this.at) === 32 && this.at + 1 === this.text.length) this.at++;
    if (!this.atEnd) this.fail('end of command');
  }

  /** tag = 1*<any ASTRING-CHAR except "+"> */
  tag(): string {
    return this.take('tag', tagRule);
  }

  atom(): string {
    return this.take('atom', atomRule);
  }

  /** number = 1*DIGIT, 32 bits */
  number(): number {
    const n = Number(this.take('number', numberRule));
    if (n > 0xffff_ffff) throw new Fault('syntax', `${n} is over 32 bits`);
    return n;
  }

  nzNumber(): number {
    const n = this.number();
    if (n === 0) throw new Fault('syntax', 'zero is no message number');
    return n;
  }

  /** 63 bits on the wire; what exceeds 2^53 is capped, no value of ours is so large. RFC 9051 9 */
  number64(): number {
    return Math.min(Number(this.take('number', numberRule)), Number.MAX_SAFE_INTEGER);
  }

  /** string = quoted / literal. Octets. */
  string(): string {
    if (this.next === '"') return this.#quoted();
    return this.literal();
  }

  /** literal = "{" number ["+"] "}" CRLF *CHAR8; literal8 = "~" literal. Octets. */
  literal(): string {
    literalRule.lastIndex = this.at;
    const match = literalRule.exec(this.text);
    if (match === null) this.fail('string');
    const from = literalRule.lastIndex;
    const size = Number(match[2]);
    if (from + size > this.text.length) this.fail('literal');
    this.at = from + size;
    const octets = this.text.slice(from, this.at);
    if (match[1] === undefined && octets.includes('\0')) throw new Fault('syntax', 'NUL in a literal');
    return octets;
  }

  /** A literal whose octets were streamed elsewhere: which of them, counting from 0. */
  message(): { readonly index: number; readonly size: number; readonly binary: boolean } {
    literalRule.lastIndex = this.at;
    const match = literalRule.exec(this.text);
    if (match === null) this.fail('literal');
    this.at = literalRule.lastIndex;
    return { index: this.#messages++, size: Number(match[2]), binary: match[1] !== undefined };
  }

  /** astring = 1*ASTRING-CHAR / string */
  astring(): string {
    const c = this.next;
    if (c === '"' || c === '{' || c === '~') {
      if (c !== '~' || this.looksLike(literalRule)) return this.string();
    }
    return this.take('astring', astringRule);
  }

  /** nstring = string / nil */
  nstring(): string | null {
    if (this.looksLike(nilRule)) {
      this.at += 3;
      return null;
    }
    return this.string();
  }

  /** list-mailbox = 1*list-char / string */
  listMailbox(): string {
    const c = this.next;
    return c === '"' || c === '{' ? this.string() : this.take('list-mailbox', listMailboxRule);
  }

  /** "(" [item *(SP item)] ")" */
  list<T>(item: () => T): T[] {
    this.expect('(');
    this.enter();
    const items: T[] = [];
    if (!this.accept(')')) {
      do items.push(item());
      while (this.accept(' '));
      this.expect(')');
    }
    this.depth--;
    return items;
  }

  enter(): void {
    if (++this.depth > this.maxDepth) throw new Fault('syntax', 'nested too deeply');
  }

  #quoted(): string {
    const text = this.take('quoted string', quotedRule);
    return text.includes('\\') ? text.replace(/\\(["\\])/g, '$1') : text;
  }
}
