import type { Clock } from '../base/clock.ts';

/** Per client address and time unit; 0 = no limit. Names as Postfix's smtpd_client_*_rate_limit. */
export interface RateSettings {
  /** Milliseconds. */
  readonly timeUnit: number;
  readonly connections: number;
  readonly messages: number;
  readonly recipients: number;
  readonly auths: number;
}

export type Counted = Exclude<keyof RateSettings, 'timeUnit'>;

/** Addresses that are kept count of; the oldest go first. */
const most = 20_000;

interface Window {
  started: number;
  readonly counts: Record<Counted, number>;
}

/** How often each client did what, in windows of one time unit. Of this process. */
export class Rates {
  readonly #settings: RateSettings;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(settings: RateSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Counts one more. @returns false when that is one too many */
  count(address: string, what: Counted): boolean {
    const limit = this.#settings[what];
    if (limit === 0) return true;
    const now = this.#clock.now();
    let window = this.#windows.get(address);
    // Also after the clock was set back.
    if (window === undefined || Math.abs(now - window.started) >= this.#settings.timeUnit) {
      this.#windows.delete(address);
      window = { started: now, counts: { connections: 0, messages: 0, recipients: 0, auths: 0 } };
      this.#windows.set(address, window);
      if (this.#windows.size > most) this.#windows.delete(this.#windows.keys().next().value!);
    }
    return ++window.counts[what] <= limit;
  }
}
