import type { Part } from './part.ts';

/** A piece of a message; offsets are octets in its file. */
export interface Section {
  readonly start: number;
  readonly end: number;
  /** Whose header or body it is. */
  readonly part: Part;
  readonly kind: 'all' | 'header' | 'body';
  /** Octets with CRLF line ends, where the structure knows. */
  readonly size: number | null;
}

/**
 * Where `spec` (`''`, `HEADER`, `TEXT`, `1`, `1.2.MIME`, `2.HEADER`, …; `HEADER.FIELDS` and `.NOT` give the whole header, to be
 * filtered) lies in the file; null where the message has no such section. RFC 9051 6.4.5
 */
export function resolveSection(root: Part, spec: string): Section | null {
  const found = /^((?:[1-9]\d{0,9}(?:\.|$))*)(|HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME)$/i.exec(spec);
  if (found === null || spec.endsWith('.')) return null;
  const numbers = found[1]!.split('.').filter((number) => number !== '');
  const what = found[2]!.toUpperCase();
  if (numbers.length === 0)
    return what === '' ? { start: root.header, end: root.end, part: root, kind: 'all', size: null } : ofMessage(root, what);
  const part = partAt(root, numbers);
  if (part === null) return null;
  if (what === '') return bodyOf(part);
  if (what === 'MIME') return headerOf(part);
  return part.message === undefined ? null : ofMessage(part.message.root, what);
}

function ofMessage(root: Part, what: string): Section | null {
  if (what === 'MIME') return null;
  return what === 'TEXT' ? bodyOf(root) : headerOf(root);
}

function headerOf(part: Part): Section {
  return { start: part.header, end: part.start, part, kind: 'header', size: null };
}

function bodyOf(part: Part): Section {
  return { start: part.start, end: part.end, part, kind: 'body', size: part.size };
}

/** The part that numbers lead to: part 1 of a message that is no multipart is its body. RFC 9051 6.4.5 */
export function partAt(root: Part, numbers: readonly (number | string)[]): Part | null {
  let part = root;
  /** Whether a number is looked up in `part` as in a message. */
  let isMessage = true;
  for (const text of numbers) {
    const number = Number(text);
    if (!isMessage && part.message !== undefined) part = part.message.root;
    if (part.type === 'multipart') {
      const child = part.parts?.[number - 1];
      // A multipart without parts is answered as one that has an empty one.
      if (child === undefined) return number === 1 && (part.parts ?? []).length === 0 ? emptyChild(part) : null;
      part = child;
    } else if (number !== 1) return null;
    isMessage = false;
  }
  return part;
}

function emptyChild(part: Part): Part {
  return {
    ...part,
    type: 'text',
    subtype: 'plain',
    params: [],
    encoding: '7bit',
    header: part.end,
    start: part.end,
    end: part.end,
    size: 0,
    lines: 0,
    parts: [],
  };
}
