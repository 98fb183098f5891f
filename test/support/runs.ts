/**
 * How often a property is tried: a quarter of `usual` in the run before a commit, ten times `usual` with FUZZ=long.
 * A failure prints its seed, so that it can be had again.
 */
export function runs(usual: number): number {
  return process.env.FUZZ === 'long' ? usual * 10 : Math.ceil(usual / 4);
}
