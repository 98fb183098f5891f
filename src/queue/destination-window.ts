import type { Job } from './transport.ts';

/** How many deliveries at once a destination bears, learned from how they went. */
export class DestinationWindow {
  /** Grows by about one each time all of them went well, halves at a failure. */
  limit: number;
  active = 0;
  /** Promised to messages that are being queued. */
  reserved = 0;
  readonly pending: Job[] = [];
  /** Times in a row that it could not be reached. */
  failures = 0;
  /** Milliseconds since 1970. */
  blockedUntil = 0;
  readonly #most: () => number;

  constructor(initial: number, most: () => number) {
    this.limit = initial;
    this.#most = most;
  }

  /** Jobs that may still be claimed: as many as run, once more as stock. */
  get room(): number {
    return Math.max(0, 2 * Math.floor(this.limit) - this.active - this.pending.length - this.reserved);
  }

  get mayStart(): boolean {
    return this.pending.length > 0 && this.active < Math.floor(this.limit);
  }

  reached(): void {
    this.failures = 0;
    this.limit = Math.min(this.#most(), this.limit + 1 / this.limit);
  }

  /** @returns the failure that opens a new block, null while one is in force: deliveries under way fail together */
  unreachable(now: number, longest: number): { readonly until: number; readonly failures: number } | null {
    this.limit = Math.max(1, this.limit / 2);
    if (this.blockedUntil > now) return null;
    this.failures++;
    this.blockedUntil = now + Math.min(60_000 * 2 ** Math.min(this.failures - 1, 20), longest);
    return { until: this.blockedUntil, failures: this.failures };
  }
}
