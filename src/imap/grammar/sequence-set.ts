import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';

/** `*` stands for the highest number in use, whatever it is when the set is resolved. */
export type SeqNumber = number | '*';
export interface SeqRange {
  readonly from: SeqNumber;
  readonly to: SeqNumber;
}
/** `$` is the saved search result. RFC 9051 6.4.4.1 */
export type SequenceSet = readonly SeqRange[] | '$';

const nzNumber = /[1-9]\d*/y;
const longest = 100_000;

/**
 *     sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"
 *     seq-range    = seq-number ":" seq-number
 *     seq-number   = nz-number / "*"
 *
 * RFC 9051 9. A range may be given from high to low.
 */
export function sequenceSet(line: Cursor): SequenceSet {
  if (line.accept('$')) return '$';
  return ranges(line);
}

export function ranges(line: Cursor): SeqRange[] {
  const set: SeqRange[] = [];
  do {
    const from = seqNumber(line);
    set.push({ from, to: line.accept(':') ? seqNumber(line) : from });
    if (set.length > longest) throw new Fault('syntax', 'too many ranges');
  } while (line.accept(','));
  return set;
}

function seqNumber(line: Cursor): SeqNumber {
  if (line.accept('*')) return '*';
  const n = Number(line.take('nz-number', nzNumber));
  if (n > 0xffff_ffff) throw new Fault('syntax', `${n} is over 32 bits`);
  return n;
}

export function formatSequenceSet(set: SequenceSet): string {
  if (set === '$') return '$';
  return set.map((r) => (r.from === r.to ? `${r.from}` : `${r.from}:${r.to}`)).join(',');
}

/** Ascending numbers as a set: `1:3,7`. */
export function formatNumbers(numbers: ArrayLike<number>): string {
  let text = '';
  let i = 0;
  while (i < numbers.length) {
    const from = numbers[i]!;
    let to = from;
    while (++i < numbers.length && numbers[i] === to + 1) to++;
    text += `${text === '' ? '' : ','}${from === to ? from : `${from}:${to}`}`;
  }
  return text;
}

/** Ranges low to high, sorted and merged, `*` standing for `max`. */
export function resolveRanges(set: readonly SeqRange[], max: number): (readonly [number, number])[] {
  const plain = set.map(({ from, to }) => {
    const a = from === '*' ? max : from;
    const b = to === '*' ? max : to;
    return a <= b ? ([a, b] as const) : ([b, a] as const);
  });
  if (plain.length < 2) return plain;
  plain.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of plain) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
