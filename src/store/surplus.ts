/** Open indexes that stay open while nobody uses them: each costs some 350 KB. */
const resting = 64;
/** Milliseconds without use after which one rests. */
const rest = 1000;
/** And after which none stays open: opening it again takes 2 ms. */
export const longRest = 60_000;

interface Open {
  readonly used: number;
  /** There is work to be done in it, though nobody waits for that. */
  readonly busy?: boolean;
}

/**
 * Which open ones to close, those first that were used longest ago: what rests, beyond a few, or has rested long, and what is beyond
 * `most` in any case.
 */
export function surplus<T extends Open>(open: readonly T[], most: number, now: number): T[] {
  const oldest = open.toSorted((a, b) => a.used - b.used);
  const isDue = (one: T, after: number): boolean => one.busy !== true && now - one.used >= after;
  return oldest.filter((one, n) => n < open.length - most || isDue(one, n < open.length - resting ? rest : longRest));
}
