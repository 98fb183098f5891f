import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

/** All that a verified login depends on. Any other value is another login. */
export interface Credential {
  readonly address: string;
  /** As stored now: a changed password is another credential from that moment on. */
  readonly stored: string;
  readonly password: string;
  readonly service: string;
  readonly mechanism: string;
}

export interface CredentialCacheSettings {
  /** Milliseconds, 0 = remember nothing. */
  readonly ttl: number;
  /** Entries, default 10,000; the oldest go first. */
  readonly size?: number;
}

/**
 * Remembers for a while that a password was right, so that a client's further connections need no hashing.
 * Holds neither passwords nor names: only their HMAC under a key that dies with the process.
 */
export class CredentialCache {
  readonly #key = randomBytes(32);
  readonly #verified = new Map<string, number>();
  readonly #ttl: number;
  readonly #size: number;
  readonly #clock: Clock;

  constructor({ ttl, size = 10_000 }: CredentialCacheSettings, clock: Clock) {
    this.#ttl = ttl;
    this.#size = size;
    this.#clock = clock;
  }

  /** The name of a credential here; lengths are part of it, so that no two run into each other. */
  name({ address, stored, password, service, mechanism }: Credential): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of [address, stored, password, service, mechanism]) {
      const octets = Buffer.from(part);
      hmac.update(`${octets.length}:`).update(octets);
    }
    return hmac.digest('latin1');
  }

  has(name: string): boolean {
    const until = this.#verified.get(name);
    if (until === undefined) return false;
    // A clock that was set back does not make an entry live longer than its time.
    const left = until - this.#clock.now();
    if (left > 0 && left <= this.#ttl) return true;
    this.#verified.delete(name);
    return false;
  }

  add(name: string): void {
    if (this.#ttl <= 0) return;
    this.#verified.delete(name);
    if (this.#verified.size >= this.#size) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(name, this.#clock.now() + this.#ttl);
  }
}
