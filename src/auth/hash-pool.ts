import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { program } from '../base/program.ts';
import { Fault, type FaultKind } from '../mail/fault.ts';

export type HashRequest = { readonly id: number; readonly password: string; readonly scheme: string } & (
  | { readonly work: 'hash' }
  | { readonly work: 'verify'; readonly stored: string; readonly address: string }
);

export interface HashAnswer {
  readonly id: number;
  readonly verified?: boolean;
  readonly text?: string;
  readonly fault?: FaultKind;
  readonly detail?: string;
}

export interface HashPoolSettings {
  /** Threads of this process, default one for two cores, two at most: other workers have theirs. They start with the first request. */
  readonly threads?: number;
  /** Requests that may wait, of those who have been here before and of others; more are refused. Default 512. */
  readonly queueLimit?: number;
  /** Milliseconds without a request after which they end. Each costs 9 MB, and 30 ms of CPU to start. Default 15 seconds. */
  readonly rest?: number;
}

/** Computes password hashes in threads, off the event loop. */
export interface HashPool {
  /**
   * @param address of the account; a few schemes mix it in
   * @param first before all that are not: so that a flood of guesses does not keep out those who have been here before
   * @throws Fault unavailable (queue full, closed), unsupported (scheme)
   */
  verify(password: string, stored: string, defaultScheme: string, address: string, first?: boolean): Promise<boolean>;
  hash(password: string, scheme: string): Promise<string>;
  /** Requests waiting or at work. */
  readonly pending: number;
  close(): Promise<void>;
}

interface Job {
  readonly request: HashRequest;
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: Error) => void;
}

type Work = { readonly work: 'hash' } | { readonly work: 'verify'; readonly stored: string; readonly address: string };

export function hashPool(settings: HashPoolSettings = {}): HashPool {
  const threads = settings.threads ?? Math.min(2, Math.max(1, availableParallelism() >> 1));
  return new Threads(threads, settings.queueLimit ?? 512, settings.rest ?? 15_000);
}

class Threads implements HashPool {
  readonly #size: number;
  readonly #queueLimit: number;
  readonly #waiting: Job[] = [];
  readonly #waitingFirst: Job[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #idle: Worker[] = [];
  #nextId = 1;
  #closed = false;
  /** Ends those that rest. */
  readonly #resting: NodeJS.Timeout;

  constructor(size: number, queueLimit: number, rest: number) {
    this.#size = size;
    this.#queueLimit = queueLimit;
    this.#resting = setTimeout(() => void this.#endIdle(), rest).unref();
  }

  get pending(): number {
    return this.#waitingFirst.length + this.#waiting.length + this.#busy.size;
  }

  async verify(password: string, stored: string, defaultScheme: string, address: string, first = false): Promise<boolean> {
    return (await this.#ask({ work: 'verify', stored, address }, password, defaultScheme, first)).verified === true;
  }

  async hash(password: string, scheme: string): Promise<string> {
    return (await this.#ask({ work: 'hash' }, password, scheme)).text!;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#resting);
    const busy = [...this.#busy.keys()];
    for (const job of [...this.#waitingFirst.splice(0), ...this.#waiting.splice(0)])
      job.reject(new Fault('unavailable', 'hashing threads are closed'));
    await Promise.all([this.#endIdle(), ...busy.map((thread) => thread.terminate())]);
  }

  async #endIdle(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()));
  }

  async #ask(work: Work, password: string, scheme: string, first = false): Promise<HashAnswer> {
    const queue = first ? this.#waitingFirst : this.#waiting;
    if (this.#closed) throw new Fault('unavailable', 'hashing threads are closed');
    if (queue.length >= this.#queueLimit) throw new Fault('unavailable', `${this.#queueLimit} logins wait for a hashing thread`);
    const answer = await new Promise<HashAnswer>((resolve, reject) => {
      queue.push({ request: { id: this.#nextId++, password, scheme, ...work }, resolve, reject });
      this.#next();
    });
    if (answer.fault === 'internal') throw new Error(`hashing thread: ${answer.detail}`);
    if (answer.fault !== undefined) throw new Fault(answer.fault, answer.detail);
    return answer;
  }

  #next(): void {
    while (this.#waitingFirst.length + this.#waiting.length > 0) {
      const thread = this.#idle.pop() ?? (this.#busy.size < this.#size ? this.#start() : undefined);
      if (thread === undefined) return;
      const job = (this.#waitingFirst.shift() ?? this.#waiting.shift())!;
      this.#busy.set(thread, job);
      // Keeps the process up only while there is work.
      thread.ref();
      thread.postMessage(job.request);
    }
  }

  #start(): Worker {
    const thread = new Worker(program('auth/hash-worker'), { name: 'password-hash' });
    thread.on('message', (answer: HashAnswer) => {
      const job = this.#busy.get(thread);
      this.#busy.delete(thread);
      this.#idle.push(thread);
      thread.unref();
      this.#resting.refresh();
      job?.resolve(answer);
      this.#next();
    });
    let reason = new Error('hashing thread ended');
    thread.on('error', (error) => {
      reason = error instanceof Error ? error : new Error(String(error));
    });
    thread.on('exit', () => {
      const job = this.#busy.get(thread);
      this.#busy.delete(thread);
      const place = this.#idle.indexOf(thread);
      if (place >= 0) this.#idle.splice(place, 1);
      job?.reject(
        this.#closed ? new Fault('unavailable', 'hashing threads are closed') : new Fault('unavailable', reason.message, { cause: reason }),
      );
      if (!this.#closed) this.#next();
    });
    return thread;
  }
}
