import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { isLoopback, networkOf } from '../net/networks.ts';

export interface ThrottleEvent {
  readonly outcome: 'failed' | 'succeeded';
  readonly network: string;
  readonly account: string;
  /** Tells repeated guesses seen by one worker from new ones. */
  readonly guess: string;
}

/** Carries what one worker saw to the others. A lost event costs the attacker less, nothing else. */
export interface ThrottleChannel {
  publish(event: ThrottleEvent): void;
  /** Called with the events of the other workers. @returns stop */
  subscribe(listener: (event: ThrottleEvent) => void): () => void;
}

export interface ThrottleSettings {
  /** Failures of one network before it has to wait; ten times as many for loopback, where web mail and proxies are. Default 10. */
  readonly networkFailures?: number;
  /** Failures for one account before it has to wait: from all unknown networks together, from each known one by itself. Default 20. */
  readonly accountFailures?: number;
  /** First wait, doubled with each further failure. Milliseconds, default 1000. */
  readonly firstWait?: number;
  /** Default 300,000 for networks; a fifth of it for accounts. */
  readonly longestWait?: number;
  /** Without failure for so long, all is forgotten. Milliseconds, default one hour. */
  readonly memory?: number;
  /** How long a network counts as known for an account after a login. Milliseconds, default 30 days. */
  readonly known?: number;
  /** Failures, networks and pairs kept. Default 50,000 each. */
  readonly entries?: number;
}

export interface ThrottleVerdict {
  /** Milliseconds until an attempt is looked at, 0 = now. */
  readonly wait: number;
  /** The right password counts in spite of `wait`. */
  readonly known: boolean;
}

interface Failures {
  count: number;
  last: number;
  readonly guesses: string[];
}

/**
 * Slows guessing down. Failures are counted for networks and for accounts; past the free ones, each doubles the wait until the next attempt
 * is looked at. The same wrong password from the same network counts once: a forgotten telephone is no attack. From a network where the
 * account was logged in to lately the right password always counts, whatever others try, or the telephone; a wrong one is answered as
 * it would be for any name, so that this tells nothing.
 */
export class Throttle {
  readonly #settings: Required<ThrottleSettings>;
  readonly #clock: Clock;
  readonly #channel: ThrottleChannel | null;
  readonly #networks = new Map<string, Failures>();
  readonly #accounts = new Map<string, Failures>();
  readonly #known = new Map<string, number>();
  readonly #stop: () => void;

  constructor(settings: ThrottleSettings, clock: Clock, channel: ThrottleChannel | null = null) {
    this.#settings = {
      networkFailures: 10,
      accountFailures: 20,
      firstWait: 1000,
      longestWait: 300_000,
      memory: 3_600_000,
      known: 30 * 86_400_000,
      entries: 50_000,
      ...settings,
    };
    this.#clock = clock;
    this.#channel = channel;
    this.#stop = channel?.subscribe((event) => this.#take(event)) ?? (() => {});
  }

  /** What is to be done with an attempt. */
  judge(remoteAddress: string, account: string): ThrottleVerdict {
    const network = networkOf(remoteAddress);
    const known = this.#isKnown(network, account);
    const { networkFailures, accountFailures, longestWait } = this.#settings;
    const free = isLoopback(remoteAddress) ? networkFailures * 10 : networkFailures;
    const wait = Math.max(
      this.#left(this.#networks.get(network), free, longestWait),
      this.#left(this.#accounts.get(known ? pair(network, account) : account), accountFailures, longestWait / 5),
    );
    return { wait, known };
  }

  failed(remoteAddress: string, account: string, password: string): void {
    this.#record({ outcome: 'failed', network: networkOf(remoteAddress), account, guess: guessName(account, password) });
  }

  succeeded(remoteAddress: string, account: string): void {
    const network = networkOf(remoteAddress);
    const until = this.#known.get(pair(network, account));
    // One entry an hour is enough to keep it known.
    if (until !== undefined && until - this.#clock.now() > this.#settings.known - 3_600_000) return;
    this.#record({ outcome: 'succeeded', network, account, guess: '' });
  }

  close(): void {
    this.#stop();
  }

  #record(event: ThrottleEvent): void {
    this.#take(event);
    this.#channel?.publish(event);
  }

  #take({ outcome, network, account, guess }: ThrottleEvent): void {
    if (outcome === 'succeeded') {
      put(this.#known, pair(network, account), this.#clock.now() + this.#settings.known, this.#settings.entries);
      return;
    }
    const isNew = this.#count(this.#networks, network, guess);
    // What a known network gets wrong does not close the account to others.
    if (isNew) this.#count(this.#accounts, this.#isKnown(network, account) ? pair(network, account) : account, '');
  }

  /** @returns false for a guess that was counted before */
  #count(all: Map<string, Failures>, key: string, guess: string): boolean {
    const now = this.#clock.now();
    let entry = all.get(key);
    if (entry === undefined || Math.abs(now - entry.last) > this.#settings.memory) entry = { count: 0, last: now, guesses: [] };
    const isNew = guess === '' || !entry.guesses.includes(guess);
    if (isNew) {
      entry.count++;
      entry.last = now;
      if (guess !== '' && entry.guesses.push(guess) > 16) entry.guesses.shift();
    }
    put(all, key, entry, this.#settings.entries);
    return isNew;
  }

  #left(entry: Failures | undefined, free: number, longest: number): number {
    if (entry === undefined || entry.count < free) return 0;
    const passed = this.#clock.now() - entry.last;
    if (Math.abs(passed) > this.#settings.memory) return 0;
    const wait = Math.min(longest, this.#settings.firstWait * 2 ** Math.min(30, entry.count - free));
    return Math.max(0, Math.min(wait, wait - passed));
  }

  #isKnown(network: string, account: string): boolean {
    return (this.#known.get(pair(network, account)) ?? 0) > this.#clock.now();
  }
}

const pair = (network: string, account: string): string => `${network} ${account}`;

const guessKey = randomBytes(32);

/** Keyed anew in each process: nothing to test guesses against. */
function guessName(account: string, password: string): string {
  return createHmac('sha256', guessKey).update(`${account}\0${password}`).digest('base64url').slice(0, 16);
}

/** The newest at the end; the oldest goes when there are too many. */
function put<T>(map: Map<string, T>, key: string, value: T, limit: number): void {
  map.delete(key);
  if (map.size >= limit) map.delete(map.keys().next().value!);
  map.set(key, value);
}
