import { Fault } from '../../src/mail/fault.ts';

/** One parser. It may throw a Fault and nothing else; whatever else must hold of its answer, it checks itself. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with, latin1. */
  readonly seeds: readonly string[];
  /** Pieces that inputs are made of, besides what the code itself looks for. */
  readonly words?: readonly string[];
  /** Octets an input may grow to; default 4,096. */
  readonly longest?: number;
  /** Answers too slowly for the long inputs by which growth is measured (whole sessions). */
  readonly slow?: boolean;
  /** @returns the answer, to be weighed */
  run(input: string, random: () => number): unknown;
}

/** Milliseconds one input may take. */
const patience = 2000;

/** @returns what is wrong with the target's answer, or null */
export async function attempt(target: FuzzTarget, input: string, random: () => number): Promise<string | null> {
  const began = performance.now();
  try {
    const answer = target.run(input, random);
    if (answer instanceof Promise) await answer;
  } catch (error) {
    if (!(error instanceof Fault)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const took = performance.now() - began;
  return took > patience ? `took over ${patience} ms` : null;
}

/** What two answers to the same octets must be. */
export function same(what: string, a: unknown, b: unknown): void {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  if (left === right) return;
  let at = 0;
  while (left?.[at] === right?.[at]) at++;
  throw new Error(`${what}: …${left?.slice(Math.max(0, at - 40), at + 80)} is not …${right?.slice(Math.max(0, at - 40), at + 80)}`);
}

/** `octets` in pieces of up to 40. */
export function* pieces(octets: Buffer, random: () => number): Generator<Buffer> {
  for (let at = 0; at < octets.length; ) {
    const end = at + 1 + Math.floor(random() * (random() < 0.5 ? 3 : 40));
    yield octets.subarray(at, end);
    at = end;
  }
}
