/** atext of RFC 5322 3.2.3, and every octet above ASCII. */
const atext = new Uint8Array(256);
/** token of RFC 2045 5.1, and every octet above ASCII. */
const token = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  const ch = String.fromCharCode(c);
  if (c > 127 || /[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]/.test(ch)) atext[c] = 1;
  if (c > 127 || (c > 32 && c < 127 && !/[()<>@,;:\\"/[\]?=]/.test(ch))) token[c] = 1;
}

/** How a rule ended: there is more text, the text is at its end, or it is broken. */
export type Outcome = 1 | 0 | -1;
export const more: Outcome = 1;
export const ended: Outcome = 0;
export const broken: Outcome = -1;

/**
 * Reads structured header fields, latin1 text. RFC 5322 3.2
 * What a rule reads is appended to `out`; the place and `out` are left where a broken rule stopped.
 */
export class HeaderCursor {
  readonly text: string;
  at = 0;
  out = '';
  /** The last comment passed over, without its outer parentheses. */
  comment = '';

  constructor(text: string) {
    this.text = text;
  }

  get code(): number {
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1;
  }

  is(c: string): boolean {
    return this.code === c.charCodeAt(0);
  }

  isAtext(): boolean {
    const c = this.code;
    return c >= 0 && (c > 255 || atext[c] === 1);
  }

  get rest(): Outcome {
    return this.at < this.text.length ? more : ended;
  }

  /** CFWS. RFC 5322 3.2.2 */
  skip(): Outcome {
    for (;;) {
      const c = this.code;
      if (c === 32 || c === 9 || c === 13 || c === 10) this.at++;
      else if (c === 40) {
        if (this.#comment() === broken) return broken;
      } else return this.rest;
    }
  }

  #comment(): Outcome {
    const { text } = this;
    this.comment = '';
    let depth = 1;
    let from = ++this.at;
    for (; this.at < text.length; this.at++) {
      const c = text.charCodeAt(this.at);
      if (c === 40) depth++;
      else if (c === 92) {
        this.comment += text.slice(from, this.at);
        from = ++this.at;
        if (this.at >= text.length) return broken;
      } else if (c === 41 && --depth === 0) {
        this.comment += text.slice(from, this.at);
        this.at++;
        return this.rest;
      }
    }
    return broken;
  }

  /** Appends while `set` (or a dot, when `dots`) goes on, then CFWS. */
  #run(set: Uint8Array, dots: boolean): Outcome {
    const { text } = this;
    const from = this.at;
    while (this.at < text.length) {
      const c = text.charCodeAt(this.at);
      if (c > 255 || set[c] === 1 || (dots && c === 46)) this.at++;
      else break;
    }
    this.out += text.slice(from, this.at);
    return this.rest === ended ? ended : this.skip();
  }

  /** atom = [CFWS] 1*atext [CFWS] */
  atom(): Outcome {
    return this.isAtext() ? this.#run(atext, false) : broken;
  }

  atomOrDot(): Outcome {
    return this.#run(atext, true);
  }

  /** RFC 2045 5.1; a dot counts, nothing at all does too. */
  token(): Outcome {
    return this.#run(token, true);
  }

  /** dot-atom, with CFWS around the dots as RFC 822 had it. */
  dotAtom(): Outcome {
    if (!this.isAtext()) return broken;
    for (;;) {
      const outcome = this.#run(atext, false);
      if (outcome !== more) return outcome;
      if (!this.is('.')) return more;
      this.at++;
      this.out += '.';
      const next = this.skip();
      if (next !== more) return next;
    }
  }

  /** quoted-string without its quotes. RFC 5322 3.2.4 */
  quotedString(): Outcome {
    const { text } = this;
    let from = ++this.at;
    for (; this.at < text.length; this.at++) {
      const c = text.charCodeAt(this.at);
      if (c === 34) {
        this.out += text.slice(from, this.at++);
        return this.skip();
      }
      if (c === 13 || c === 10) {
        this.out += text.slice(from, this.at);
        from = this.at + 1;
      } else if (c === 92) {
        this.out += text.slice(from, this.at);
        from = ++this.at;
        if (this.at >= text.length) return broken;
      }
    }
    this.out += text.slice(from);
    return broken;
  }

  /** phrase, dots allowed. RFC 5322 3.2.5, 4.1 */
  phrase(): Outcome {
    if (this.rest === ended) return ended;
    if (this.is('.')) return broken;
    for (;;) {
      const outcome = this.is('"') ? this.quotedString() : this.atomOrDot();
      if (outcome !== more) return outcome;
      if (!this.isAtext() && !this.is('"') && !this.is('.')) return this.skip();
      this.out += ' ';
    }
  }

  /** "@" domain; the place is at the "@". RFC 5322 3.4.1 */
  domain(): Outcome {
    this.at++;
    if (this.skip() !== more) return broken;
    if (!this.is('[')) return this.dotAtom();
    const { text } = this;
    const from = this.at;
    for (; this.at < text.length; this.at++) {
      const c = text.charCodeAt(this.at);
      if (c === 92) this.at++;
      else if (c === 93) {
        this.out += text.slice(from, ++this.at);
        return this.skip();
      }
    }
    this.at = text.length;
    return broken;
  }

  /** What was appended so far; starts anew. */
  take(): string {
    const taken = this.out;
    this.out = '';
    return taken;
  }
}
