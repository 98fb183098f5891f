import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';

export type PolicyType = 'tlsa' | 'sts' | 'no-policy-found';

/** One line of a day's record: sessions with one domain, one policy, one result. RFC 8460 4 */
export interface TlsCount {
  readonly domain: string;
  readonly policy: PolicyType;
  /** Host and failure; null for sessions that went well. */
  readonly host: string | null;
  readonly result: string | null;
  count: number;
}

/**
 * Keeps what TLS reports are made of: counts by domain, policy and result, added each minute to `tls-report/<day>.<pid>.jsonl`
 * (UTC days; lines of one key add up).
 */
export class TlsReport {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #counts = new Map<string, TlsCount>();
  #saving: Promise<void> = Promise.resolve();

  constructor(dir: string, clock: Clock) {
    this.#dir = join(dir, 'tls-report');
    this.#clock = clock;
    this.#timer = setInterval(() => void this.flush(), 60_000);
    this.#timer.unref();
  }

  success(domain: string, policy: PolicyType): void {
    this.#add({ domain, policy, host: null, result: null, count: 1 });
  }

  failure(domain: string, policy: PolicyType, host: string, result: string): void {
    this.#add({ domain, policy, host, result, count: 1 });
  }

  #add(entry: TlsCount): void {
    const key = [entry.domain, entry.policy, entry.host, entry.result].join(' ');
    const known = this.#counts.get(key);
    if (known !== undefined) known.count++;
    else if (this.#counts.size < 10_000) this.#counts.set(key, entry);
  }

  flush(): Promise<void> {
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    if (counts.length === 0) return this.#saving;
    const day = new Date(this.#clock.now()).toISOString().slice(0, 10);
    this.#saving = this.#saving.then(async () => {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      const text = counts.map((count) => `${JSON.stringify(count)}\n`).join('');
      await appendFile(join(this.#dir, `${day}.${process.pid}.jsonl`), text, { mode: 0o600 });
    });
    // A full disk costs a report, not mail.
    this.#saving = this.#saving.catch(() => {});
    return this.#saving;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
