const minute = 60_000;

/**
 * How long to wait before trying a deferred recipient again: 15 minutes, doubling up to 3 hours.
 *
 * RFC 5321 4.5.4.1 favours two attempts in the first hour and one every two or
 * three hours from then on; giving up after 4-5 days is the queue's business.
 *
 * @param attempts failed attempts so far, 1 or more
 * @param jitter   0 to 1; shortens the wait by up to a quarter, to spread a burst
 * @returns milliseconds from the last attempt
 */
export function retryDelay(attempts: number, jitter: number, shortest = 15 * minute, longest = 180 * minute): number {
  const wait = Math.min(shortest * 2 ** Math.min(attempts - 1, 30), longest);
  return Math.round(wait * (1 - jitter / 4));
}
