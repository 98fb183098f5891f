import type { Job, Report, Transport } from './transport.ts';

const minute = 60_000;
/** Longest time a timer can wait, in whole minutes. Milliseconds. */
const longest = Math.floor(0x7fff_ffff / minute) * minute;
/** How long an attempt that is stopped may still report what it knows. Milliseconds. */
const grace = 300;

/**
 * One try of a transport at a job, which ends whatever the transport does. Each step of it has a time limit of its own, so one that
 * outlasts them all together waits for what never comes: it would hold the message and a place of its destination for good.
 */
export class Attempt {
  /** Milliseconds; whole minutes, for timers of one length are cheap. */
  readonly limit: number;
  /** It was given up because it went on for longer than `limit`. */
  hung = false;
  readonly #abort = new AbortController();
  readonly #work: () => Promise<void>;
  #over = false;
  #abandon: () => void = () => {};

  constructor(transport: Transport, job: Job, report: Report) {
    this.limit = Math.min(Math.ceil(transport.timeLimit(job) / minute) * minute, longest);
    // What comes after the end is not believed: the job may be another's by then.
    const say: Report = (recipient, outcome) => {
      if (!this.#over) report(recipient, outcome);
    };
    this.#work = () => transport.deliver(job, say, this.#abort.signal);
  }

  get stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Resolves, or rejects with what the transport threw, when the attempt is over. To be called once. */
  async run(): Promise<void> {
    const abandoned = new Promise<void>((resolve) => {
      this.#abandon = resolve;
    });
    const timer = setTimeout(() => {
      this.hung = true;
      this.stop();
    }, this.limit);
    timer.unref();
    try {
      await Promise.race([this.#work(), abandoned]);
    } finally {
      clearTimeout(timer);
      this.#over = true;
    }
  }

  /** The transport lets go of its connection; if it does not, the attempt ends without it. */
  stop(): void {
    if (this.stopped || this.#over) return;
    this.#abort.abort();
    setTimeout(this.#abandon, grace);
  }
}
