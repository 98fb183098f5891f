/** Longest time a timer can wait. Milliseconds. */
const longest = 0x7fff_ffff;

/** Calls back once a time has passed. Set again for every line that is read, it costs no timer each: one is under way, and looks when it fires. */
export class Deadline {
  readonly #onLate: () => void;
  /** performance.now(); Infinity: nobody waits. */
  #due = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #fires = 0;

  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  /** @param due by performance.now() */
  set(due: number): void {
    this.#due = due;
    if (this.#timer !== null && this.#fires <= due) return;
    this.stop();
    this.#due = due;
    this.#arm();
  }

  /** Nobody waits any more; a timer may stay, for the next time. */
  clear(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Nobody will wait again. */
  stop(): void {
    this.clear();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(): void {
    this.#fires = this.#due;
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.ceil(this.#due - performance.now()), longest));
  }

  #look(): void {
    this.#timer = null;
    if (this.#due === Number.POSITIVE_INFINITY) return;
    if (performance.now() < this.#due) {
      this.#arm();
      return;
    }
    this.clear();
    this.#onLate();
  }
}
