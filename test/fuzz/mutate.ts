/** What every grammar has a use for. */
const marks = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '"',
  '\\',
  '(',
  ')',
  '{9}\r\n',
  '=?',
  '?=',
  ';',
  '\xff',
  '\xc3\xa9',
  '%',
  '*',
  '&',
  '<',
  '>',
  '[',
  ']',
];
const numbers = [
  '0',
  '-1',
  '1',
  '255',
  '256',
  '65536',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '99999999999999999999',
];
const objects = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
const more = [...marks, ...numbers, ...objects, ' ', '\t', ',', ':', '.', '/', '..', '@', '='];

type Random = () => number;
const below = (n: number, random: Random): number => Math.floor(random() * n);

/** `input` changed in one to five places: bits, octets, runs, words of the grammar, pieces of `other`. */
export function mutate(input: string, other: string, words: readonly string[], longest: number, random: Random): string {
  let text = input;
  for (let left = 1 + below(random() < 0.7 ? 2 : 5, random); left > 0; left--) text = change(text, other, words, random);
  return text.length > longest ? text.slice(0, longest) : text;
}

function change(text: string, other: string, words: readonly string[], random: Random): string {
  const at = below(text.length + 1, random);
  const end = Math.min(text.length, at + 1 + below(random() < 0.8 ? 8 : 64, random));
  const word = (): string => {
    const all = words.length > 0 && random() < 0.6 ? words : more;
    return all[below(all.length, random)]!;
  };
  switch (below(12, random)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, at) + String.fromCharCode(below(256, random)) + text.slice(Math.min(at + 1, text.length));
    case 2: {
      const octet = text.charCodeAt(at);
      return Number.isNaN(octet)
        ? text + word()
        : text.slice(0, at) + String.fromCharCode((octet ^ (1 << below(8, random))) & 255) + text.slice(at + 1);
    }
    case 3:
    case 4:
      return text.slice(0, at) + word() + text.slice(at);
    case 5:
      return text.slice(0, at) + word() + text.slice(end);
    case 6:
      return text.slice(0, at) + text.slice(at, end).repeat(2 + below(random() < 0.9 ? 4 : 100, random)) + text.slice(end);
    case 7: {
      // A splice: the beginning of one, the end of another.
      const from = below(other.length + 1, random);
      return text.slice(0, at) + other.slice(from);
    }
    case 8: {
      const from = below(other.length + 1, random);
      return text.slice(0, at) + other.slice(from, from + 1 + below(32, random)) + text.slice(at);
    }
    case 9: {
      const to = below(text.length + 1, random);
      return text.slice(0, to) + text.slice(at, end) + text.slice(to);
    }
    case 10: {
      // ASCII only: the capital of ÿ is no octet.
      const swapped = text.slice(at, end).replace(/[A-Za-z]/g, (c) => String.fromCharCode(c.charCodeAt(0) ^ 32));
      return text.slice(0, at) + swapped + text.slice(end);
    }
    default:
      // A number in the text, another number.
      return text.replace(/\d+/g, (digits) => (random() < 0.5 ? digits : numbers[below(numbers.length, random)]!));
  }
}
