import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';

/** Places in a result, 1 the first; negative ones count from the end, -1 the last. RFC 9394 3.1 */
export interface PartialRange {
  readonly from: number;
  readonly to: number;
}

/** partial-range = partial-range-first / partial-range-last. RFC 9394 4 */
export function partialRange(line: Cursor): PartialRange {
  const last = line.accept('-');
  const from = line.nzNumber();
  line.expect(':');
  if (last !== line.accept('-')) throw new Fault('syntax', 'a range of one sign');
  const to = line.nzNumber();
  const [low, high] = from < to ? [from, to] : [to, from];
  return last ? { from: -low, to: -high } : { from: low, to: high };
}

export function formatPartialRange({ from, to }: PartialRange): string {
  return `${from}:${to}`;
}
