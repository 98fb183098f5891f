import { Share } from './share.ts';

/** Work that can be left and taken up again wherever it yields. */
export type Sliced<T> = Generator<void, T, void>;

/** Does the work, letting others have the event loop whenever a stretch is over. */
export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  const share = new Share();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    const turn = share.next();
    if (turn !== undefined) await turn;
  }
}

/** Does it at once. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Items that are sorted, and steps that are merged, between two yields. */
const run = 512;
const merged = 4096;

/** A stable sort that yields: short runs first, then pairs of runs merged. */
export function* sliceSort<T>(items: readonly T[], compare: (a: T, b: T) => number): Sliced<T[]> {
  let from: T[] = [];
  for (let at = 0; at < items.length; at += run) {
    for (const item of items.slice(at, at + run).sort(compare)) from.push(item);
    yield;
  }
  let to: T[] = Array.from(from);
  for (let width = run; width < from.length; width *= 2) {
    let steps = 0;
    for (let low = 0; low < from.length; low += 2 * width) {
      const middle = Math.min(low + width, from.length);
      const high = Math.min(low + 2 * width, from.length);
      let left = low;
      let right = middle;
      for (let at = low; at < high; at++) {
        const takesLeft = left < middle && (right >= high || compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
        if (++steps % merged === 0) yield;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
