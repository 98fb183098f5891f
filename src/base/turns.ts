import { setImmediate } from 'node:timers';

/** Sessions that go on in a row; the others wait until timers and other sockets had their turn. */
const inARow = 16;

/**
 * Lets sessions go on, in order: at once while few have something to do in this turn of the loop, else some of them in the next one. By
 * number, not by the clock: that runs on while a process waits for a processor, and work that is cut small costs more.
 */
export class Turns {
  #waiting: (() => void)[] = [];
  #begun = 0;
  /** It is known when this turn ends. */
  #isSet = false;

  /** @param run resolves what a session waits for */
  take(run: () => void): void {
    if (!this.#isSet) {
      this.#isSet = true;
      // After all sockets that are ready in this turn.
      setImmediate(() => this.#goOn());
    }
    if (this.#waiting.length === 0 && this.#begun < inARow) {
      this.#begun++;
      run();
    } else this.#waiting.push(run);
  }

  #goOn(): void {
    const next = this.#waiting.splice(0, inARow);
    this.#begun = 0;
    this.#isSet = this.#waiting.length > 0;
    if (this.#isSet) setImmediate(() => this.#goOn());
    for (const run of next) run();
  }
}

/** Of this thread's loop. */
export const turns = new Turns();
