/** Open indexes that stay open while nobody uses them: each costs some 350 KB. */
const resting = 64;
/** Milliseconds without use after which one rests. */
const rest = 1000;

interface Open {
  readonly used: number;
  /** There is work to be done in it, though nobody waits for that. */
  readonly busy?: boolean;
}

/**
 * Which of `size` open ones to close, those first that were used longest ago: what rests, beyond a few, and what is beyond `most` in
 * any case.
 */
export function surplus<T extends Open>(size: number, open: () => readonly T[], most: number, now: number): T[] {
  if (size <= Math.min(resting, most)) return [];
  const oldest = open().toSorted((a, b) => a.used - b.used);
  return oldest.filter((one, n) => n < size - most || (n < size - resting && one.busy !== true && now - one.used >= rest));
}
