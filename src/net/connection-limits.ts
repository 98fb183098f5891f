export interface ConnectionLimitSettings {
  /** Connections of this process; 0 = no limit. */
  readonly total: number;
  /** Connections from one address; 0 = no limit. */
  readonly perAddress: number;
  /** Addresses that `perAddress` does not count for: loopback, trusted networks. */
  readonly exempt?: (address: string) => boolean;
}

export type LimitReached = 'total' | 'perAddress';

/** Counts open connections. One per process, shared by its listeners. */
export class ConnectionLimits {
  #settings: ConnectionLimitSettings;
  readonly #open = new Map<string, number>();
  #total = 0;

  constructor(settings: ConnectionLimitSettings) {
    this.#settings = settings;
  }

  get total(): number {
    return this.#total;
  }

  replace(settings: ConnectionLimitSettings): void {
    this.#settings = settings;
  }

  /** Takes a place, paid back with one `leave`; or says which limit is reached. */
  enter(address: string): LimitReached | null {
    const { total, perAddress, exempt } = this.#settings;
    const here = this.#open.get(address) ?? 0;
    if (total > 0 && this.#total >= total) return 'total';
    if (perAddress > 0 && here >= perAddress && exempt?.(address) !== true) return 'perAddress';
    this.#total++;
    this.#open.set(address, here + 1);
    return null;
  }

  leave(address: string): void {
    const here = this.#open.get(address) ?? 0;
    if (here === 0) return;
    this.#total--;
    if (here === 1) this.#open.delete(address);
    else this.#open.set(address, here - 1);
  }
}
