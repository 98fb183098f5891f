/** One row of `npm run faults`. */
export interface FaultTest {
  readonly name: string;
  /** Figures of the run, in one line. @throws Skip, or whatever went wrong */
  run(options: FaultOptions): Promise<string>;
}

export interface FaultOptions {
  readonly long: boolean;
  /** Kills, mutations, seconds: of what the test has rounds of; its own number when absent. */
  readonly rounds?: number;
  /** Of what is drawn at random, where the test says which it was. */
  readonly seed?: number;
  /** Of the server, where the test leaves that open: the crowds. */
  readonly workers: number;
}

/** Cannot be done here, and why. */
export class Skip extends Error {}

/** Figures that went wrong; they are printed as well. */
export class Failed extends Error {}

/** `{lost: 0, kept: 12}` as `lost 0, kept 12`; fails where a figure named in `zero` is not 0. */
export function figures(
  values: Readonly<Record<string, number | string>>,
  zero: readonly string[] = [],
  limits: Readonly<Record<string, number>> = {},
  least: Readonly<Record<string, number>> = {},
): string {
  const line = Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  const wrong = [
    ...zero.filter((name) => values[name] !== 0).map((name) => `${name} is not 0`),
    ...Object.entries(limits)
      .filter(([name, most]) => !(Number(values[name]) <= most))
      .map(([name, most]) => `${name} is over ${most}`),
    ...Object.entries(least)
      .filter(([name, fewest]) => !(Number(values[name]) >= fewest))
      .map(([name, fewest]) => `${name} is under ${fewest}`),
  ];
  if (wrong.length > 0) throw new Failed(`${line}: ${wrong.join(', ')}`);
  return line;
}

/** A repeatable sequence of numbers from 0 to under 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
