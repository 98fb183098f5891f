import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds of work at a time: with what is read and sent at once, and a collection between, the loop is held for twice that. */
const stretch = 5;

/** Lets the other sessions of the process have their turn during long work. */
export class Share {
  #since = performance.now();

  /** To be awaited now and then; a promise only when the time is up. */
  next(): Promise<void> | undefined {
    return performance.now() - this.#since > stretch ? this.#yield() : undefined;
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
