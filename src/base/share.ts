import { setImmediate as turn } from 'node:timers/promises';

/** Lets the other sessions of the process have their turn during long work. */
export class Share {
  readonly #stretch: number;
  #since = performance.now();

  /** @param stretch milliseconds of work at a time */
  constructor(stretch = 10) {
    this.#stretch = stretch;
  }

  /** To be awaited now and then; a promise only when the time is up. */
  next(): Promise<void> | undefined {
    return performance.now() - this.#since > this.#stretch ? this.#yield() : undefined;
  }

  /** The time counts from now. */
  begin(): void {
    this.#since = performance.now();
  }

  async #yield(): Promise<void> {
    await turn();
    this.begin();
  }
}
