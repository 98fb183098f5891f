import { randomInt } from 'node:crypto';
import { seeded } from '../faults/fault-test.ts';
import { failedOnce, keepFailure, keepReaching, reaching } from './corpus.ts';
import { branchCount, wordsOf } from './instrument.ts';
import { mutate } from './mutate.ts';
import { attempt, type FuzzTarget } from './target.ts';

export interface Outcome {
  readonly runs: number;
  /** Inputs kept. */
  readonly corpus: number;
  /** Branches of the project's code that they reach. */
  readonly branches: number;
  /** What went wrong: file and text. */
  readonly failures: readonly string[];
  readonly seed: number;
}

/** How often, roughly, a branch was taken: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more. */
const roughly = (count: number): number => (count < 4 ? count - 1 : count < 8 ? 3 : count < 16 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7);

/** Branches taken since the last look, each with how often. */
class Trace {
  readonly #counts = globalThis.postcoteBranches;
  readonly #seen = new Set<number>();

  reset(): void {
    this.#counts.fill(0, 0, branchCount());
  }

  /** Features of the last run. */
  features(): number[] {
    const found: number[] = [];
    for (let branch = 0, end = branchCount(); branch < end; branch++) {
      const count = this.#counts[branch]!;
      if (count > 0) found.push(branch * 8 + roughly(count));
    }
    return found;
  }

  /** Those that no run had before; they are known from now on. */
  fresh(): number[] {
    const fresh: number[] = [];
    for (let branch = 0, end = branchCount(); branch < end; branch++) {
      const count = this.#counts[branch]!;
      if (count === 0) continue;
      const feature = branch * 8 + roughly(count);
      if (this.#seen.has(feature)) continue;
      this.#seen.add(feature);
      fresh.push(feature);
    }
    return fresh;
  }
}

/** Changes inputs for so many milliseconds, keeping those that go where none has been. */
export async function campaign(target: FuzzTarget, milliseconds: number): Promise<Outcome> {
  const seed = randomInt(2 ** 31);
  const random = seeded(seed);
  const trace = new Trace();
  const pool: string[] = [];
  const failures = new Map<string, string>();
  const longest = target.longest ?? 4096;
  let runs = 0;

  const tryOut = async (input: string): Promise<string | null> => {
    trace.reset();
    runs++;
    return attempt(target, input, random);
  };
  const failed = async (input: string, wrong: string): Promise<void> => {
    const key = keyOf(wrong);
    if (failures.has(key)) return;
    failures.set(key, '');
    const small = await smaller(input, async (shorter) => keyOf((await tryOut(shorter)) ?? '') === key);
    failures.set(key, `${keepFailure(target, small)}: ${wrong.split('\n').slice(0, 4).join('\n    ')}`);
  };

  // What importing a module and the first calls take is nobody's input.
  await tryOut(target.seeds[0]!);
  trace.reset();
  for (const input of [...target.seeds, ...reaching(target), ...failedOnce(target)]) {
    const wrong = await tryOut(input);
    if (wrong !== null) await failed(input, wrong);
    if (trace.fresh().length > 0) pool.push(input);
  }
  let words: readonly string[] = [];
  let nextWords = 0;
  const end = performance.now() + milliseconds;
  while (performance.now() < end && failures.size < 5) {
    if (runs >= nextWords) {
      nextWords = runs * 2;
      const reached = await reachedBy(pool, tryOut, trace);
      words = [...(target.words ?? []), ...wordsOf((branch) => reached.has(branch))];
    }
    // Half of the time what was found lately.
    const newest = Math.max(1, pool.length >> 3);
    const from = random() < 0.5 ? pool.length - newest : 0;
    const input = pool[from + Math.floor(random() * (pool.length - from))]!;
    const changed = mutate(input, pool[Math.floor(random() * pool.length)]!, words, longest, random);
    const wrong = await tryOut(changed);
    const fresh = trace.fresh();
    if (wrong !== null) await failed(changed, wrong);
    else if (fresh.length > 0) {
      const has = async (shorter: string): Promise<boolean> => {
        if ((await tryOut(shorter)) !== null) return false;
        const there = new Set(trace.features());
        return fresh.every((feature) => there.has(feature));
      };
      pool.push(await smaller(changed, has, 200));
    }
  }
  const { inputs, branches } = await fewest(pool, tryOut, trace);
  keepReaching(target, inputs);
  return { runs, corpus: inputs.length, branches, failures: [...failures.values()], seed };
}

type TryOut = (input: string) => Promise<string | null>;

async function reachedBy(pool: readonly string[], tryOut: TryOut, trace: Trace): Promise<Set<number>> {
  const reached = new Set<number>();
  for (const input of pool.slice(-50)) {
    await tryOut(input);
    for (const feature of trace.features()) reached.add(feature >> 3);
  }
  return reached;
}

/** The shortest inputs that reach the same branches; how often counts no more. */
async function fewest(pool: readonly string[], tryOut: TryOut, trace: Trace): Promise<{ inputs: string[]; branches: number }> {
  const inputs: string[] = [];
  const reached = new Set<number>();
  for (const input of [...pool].sort((a, b) => a.length - b.length)) {
    await tryOut(input);
    const before = reached.size;
    for (const feature of trace.features()) reached.add(feature >> 3);
    if (reached.size > before) inputs.push(input);
  }
  return { inputs, branches: reached.size };
}

/** Takes pieces out as long as `still` holds. */
async function smaller(input: string, still: (shorter: string) => Promise<boolean>, most = 2000): Promise<string> {
  let text = input;
  let tries = 0;
  for (let size = text.length >> 1; size > 0 && tries < most; size >>= 1) {
    for (let at = 0; at + size <= text.length && tries < most; ) {
      const shorter = text.slice(0, at) + text.slice(at + size);
      tries++;
      if (await still(shorter)) text = shorter;
      else at += size;
    }
  }
  return text;
}

/** Two failures with the same key are one. */
const keyOf = (wrong: string): string =>
  wrong
    .split('\n')
    .slice(0, 2)
    .join(' ')
    .replaceAll(/\d+|…[^\n]*/g, '#');
