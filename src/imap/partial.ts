import type { PartialRange } from './grammar/partial-range.ts';

/** The part of an ordered result that a range names. RFC 9394 3.1 */
export function pick(all: ArrayLike<number>, { from, to }: PartialRange): number[] {
  const [low, high] = [Math.min(Math.abs(from), Math.abs(to)), Math.max(Math.abs(from), Math.abs(to))];
  const list = Array.from(all);
  return from > 0 ? list.slice(low - 1, high) : list.slice(Math.max(0, list.length - high), Math.max(0, list.length - low + 1));
}
