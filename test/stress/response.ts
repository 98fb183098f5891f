/** An atom, a string or a literal; NIL; a list. */
export type Value = string | null | readonly Value[];

/** One response line as it came: where literals stood there is a NUL each. */
export interface Response {
  readonly text: string;
  readonly literals: readonly string[];
}

/** Words, strings and lists of a response. What is in brackets belongs to its word: `BODY[HEADER.FIELDS (FROM)]`. RFC 9051 9 */
export function values({ text, literals }: Response): Value[] {
  let at = 0;
  let literal = 0;
  const list = (end: string): Value[] => {
    const found: Value[] = [];
    while (at < text.length) {
      const c = text[at]!;
      if (c === end) {
        at++;
        return found;
      }
      if (c === ' ') at++;
      else if (c === '(') {
        at++;
        found.push(list(')'));
      } else if (c === '"') found.push(quoted());
      else if (c === '\0') {
        at++;
        found.push(literals[literal++]!);
      } else found.push(word(end));
    }
    if (end !== '') throw new Error(`unbalanced: ${text.slice(0, 200)}`);
    return found;
  };
  const quoted = (): string => {
    let value = '';
    for (at++; text[at] !== '"'; at++) {
      if (at >= text.length) throw new Error(`open string: ${text.slice(0, 200)}`);
      if (text[at] === '\\') at++;
      value += text[at]!;
    }
    at++;
    return value;
  };
  const word = (end: string): string | null => {
    const from = at;
    let depth = 0;
    for (; at < text.length; at++) {
      const c = text[at]!;
      if (c === '[') depth++;
      else if (c === ']') depth--;
      else if (depth <= 0 && (c === ' ' || c === end || c === '(')) break;
    }
    const found = text.slice(from, at);
    return found === 'NIL' ? null : found;
  };
  return list('');
}
