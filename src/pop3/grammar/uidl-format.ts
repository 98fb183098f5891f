/** What a format may name. */
export interface UidlFacts {
  readonly uid: number;
  readonly uidValidity: number;
  /** Stable part of the message's name. */
  readonly guid: string;
  /** Base name of the message's file, without flags. */
  readonly fileName: string;
}

export type UidlFormat = (facts: UidlFacts) => string;

/**
 * Dovecot's `pop3_uidl_format`: `%u` `%v` `%g` `%f` `%%`, with a width (`%8u`, `%08u` padded with zeros) and the modifiers
 * `X` (hexadecimal), `L`, `U` (case) before the letter; and Dovecot 2.4's `%{uid | hex(8)}`.
 *
 * QUIRK: Dovecot's X prints lower case.
 *
 * @throws RangeError that names what is not known
 */
export function uidlFormat(format: string): UidlFormat {
  const parts: UidlFormat[] = [];
  let from = 0;
  for (const match of format.matchAll(/%(?:\{([^}]*)\}|(0?)(\d*)([XLU]*)(.))/gsu)) {
    const literal = format.slice(from, match.index);
    if (literal !== '') parts.push(() => literal);
    from = match.index + match[0].length;
    const [whole, long, zero, width, modifiers, letter] = match;
    parts.push(long === undefined ? short(whole, zero!, Number(width), modifiers!, letter!) : longForm(whole, long));
  }
  const rest = format.slice(from);
  if (rest.includes('%')) throw new RangeError(`"${format}" ends inside a variable`);
  if (rest !== '') parts.push(() => rest);
  const result: UidlFormat = (facts) => parts.map((part) => part(facts)).join('');
  if (result(one) === result(other)) throw new RangeError(`"${format}" gives every message the same name; use %u, %g or %f`);
  return result;
}

/** Two messages of one maildrop. */
const one: UidlFacts = { uid: 1, uidValidity: 1, guid: 'a', fileName: 'a,S=1' };
const other: UidlFacts = { uid: 2, uidValidity: 1, guid: 'b', fileName: 'b,S=1' };

const letters: Record<string, (facts: UidlFacts) => string | number> = {
  u: (facts) => facts.uid,
  v: (facts) => facts.uidValidity,
  g: (facts) => facts.guid,
  f: (facts) => facts.fileName,
};

const names: Record<string, (facts: UidlFacts) => string | number> = {
  uid: letters.u!,
  uidvalidity: letters.v!,
  guid: letters.g!,
  filename: letters.f!,
};

function short(whole: string, zero: string, width: number, modifiers: string, letter: string): UidlFormat {
  if (letter === '%') return () => '%';
  const value = Object.hasOwn(letters, letter) ? letters[letter]! : null;
  if (value === null) throw new RangeError(`"${whole}" is no variable of pop3_uidl_format; there are %u %v %g %f`);
  return (facts) => {
    const found = value(facts);
    let text = modifiers.includes('X') && typeof found === 'number' ? found.toString(16) : String(found);
    if (modifiers.includes('L')) text = text.toLowerCase();
    if (modifiers.includes('U')) text = text.toUpperCase();
    if (width === 0) return text;
    return zero === '0' ? text.padStart(width, '0') : text.slice(0, width);
  };
}

function longForm(whole: string, long: string): UidlFormat {
  const [name = '', ...filters] = long.split('|').map((word) => word.trim());
  const value = Object.hasOwn(names, name) ? names[name]! : null;
  if (value === null) throw new RangeError(`"${whole}" is no variable of pop3_uidl_format; there are uid, uidvalidity, guid, filename`);
  const steps = filters.map((filter) => {
    const hex = /^hex(?:\((\d{1,2})\))?$/.exec(filter);
    if (hex !== null)
      return (text: string) =>
        Number(text)
          .toString(16)
          .padStart(Number(hex[1] ?? 0), '0');
    if (filter === 'lower') return (text: string) => text.toLowerCase();
    if (filter === 'upper') return (text: string) => text.toUpperCase();
    throw new RangeError(`"${filter}" in "${whole}" is no filter; there are hex(N), lower, upper`);
  });
  return (facts) => steps.reduce((text, step) => step(text), String(value(facts)));
}
