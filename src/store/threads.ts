import { Worker } from 'node:worker_threads';
import type { Log } from '../base/log.ts';
import { counter } from '../base/metrics.ts';
import { program } from '../base/program.ts';
import { turns } from '../base/turns.ts';
import { Fault } from '../mail/fault.ts';
import type { Burst, CommandName, Commands, Reply, Request, ThreadData, ToThread } from './protocol.ts';
import type { StoreSettings } from './settings.ts';

const journalFailures = counter('postcote_journal_failures_total', 'Failures of the delivery journal; each is in the log.', ['step']);

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Milliseconds without an answer after which a thread counts as held up by one long piece of work. */
const heldUp = 500;

interface Thread {
  /** Each costs some 10 MB. */
  worker: Worker | null;
  outbox: Request[];
  transfer: ArrayBuffer[];
  posting: boolean;
  readonly pending: Map<number, Pending>;
  /** When it answered last, or was asked after a rest. */
  heard: number;
  /** Ends it, of one that helps out. */
  resting: NodeJS.Timeout | null;
}

/** Where an account's requests go while some of them wait. */
interface Place {
  readonly thread: Thread;
  requests: number;
}

function settle(pending: Pending, reply: Reply): void {
  if (reply.fault !== undefined) pending.reject(new Fault(reply.fault.kind, reply.fault.detail));
  else if (reply.error !== undefined) pending.reject(Object.assign(new Error(reply.error.split('\n')[0]), { stack: reply.error }));
  else pending.resolve(reply.value);
}

export interface StoreThreadsDeps {
  readonly log: Log;
  readonly onHint: (hint: Burst['hints'][number]) => void;
  /** Starts the first thread at once: the first delivery need not wait until it has read its code. */
  readonly eager?: boolean;
}

/**
 * The store threads of this process. One does all the work, so that what comes together is written together and little memory is
 * needed; another one helps out while it is held up, and ends when it was not needed for a while. Requests of an account that wait at
 * the same time are in the same thread, in order. Requests of one turn of the loop travel together.
 */
export class StoreThreads {
  readonly #settings: StoreSettings;
  readonly #deps: StoreThreadsDeps;
  readonly #threads: Thread[] = [];
  readonly #ending = new Set<Promise<void>>();
  readonly #places = new Map<string, Place>();
  #lastId = 0;
  #closing: Promise<void> | null = null;

  constructor(settings: StoreSettings, deps: StoreThreadsDeps) {
    this.#settings = settings;
    this.#deps = deps;
    const first = this.#add();
    if (deps.eager === true) this.#start(first);
  }

  #add(): Thread {
    const thread: Thread = { worker: null, outbox: [], transfer: [], posting: false, pending: new Map(), heard: 0, resting: null };
    this.#threads.push(thread);
    return thread;
  }

  #choose(): Thread {
    const now = performance.now();
    const free = this.#threads.find(({ pending, heard }) => pending.size === 0 || now - heard < heldUp);
    if (free !== undefined) return free;
    if (this.#threads.length < this.#settings.threads) return this.#add();
    return this.#threads.reduce((a, b) => (b.pending.size < a.pending.size ? b : a));
  }

  #place(home: string): Place {
    let place = this.#places.get(home);
    if (place === undefined) {
      place = { thread: this.#choose(), requests: 0 };
      this.#places.set(home, place);
    }
    return place;
  }

  call<N extends CommandName>(
    account: { readonly address: string; readonly home: string },
    command: N,
    request: Commands[N]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Commands[N]['result']> {
    if (this.#closing !== null) return Promise.reject(new Fault('unavailable', 'the store is closing'));
    const { home } = account;
    const place = this.#place(home);
    const { thread } = place;
    const id = ++this.#lastId;
    place.requests++;
    if (thread.pending.size === 0) thread.heard = performance.now();
    thread.outbox.push({ id, account: { address: account.address, home }, command, request });
    thread.transfer.push(...transfer);
    if (!thread.posting) {
      thread.posting = true;
      setImmediate(() => this.#post(thread));
    }
    return new Promise((resolve, reject) => {
      const done = (): void => {
        if (--place.requests === 0) this.#places.delete(home);
      };
      thread.pending.set(id, {
        resolve(value) {
          done();
          resolve(value as Commands[N]['result']);
        },
        reject(error) {
          done();
          reject(error);
        },
      });
    });
  }

  /** Runs what was taken on, then ends the threads. */
  close(): Promise<void> {
    this.#closing ??= Promise.all([...this.#threads.map((thread) => this.#end(thread)), ...this.#ending]).then(() => {});
    return this.#closing;
  }

  /** It costs memory for as long as it lives. */
  #rest(thread: Thread): void {
    thread.resting ??= setTimeout(() => {
      thread.resting = null;
      if (thread.pending.size > 0 || this.#closing !== null) return;
      const rested = performance.now() - thread.heard;
      if (rested < this.#settings.helperRest) return this.#rest(thread);
      this.#threads.splice(this.#threads.indexOf(thread), 1);
      const ending = this.#end(thread).finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }, this.#settings.helperRest).unref();
  }

  async #end(thread: Thread): Promise<void> {
    this.#post(thread);
    const { worker } = thread;
    if (worker === null) return;
    await new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      worker.postMessage({ close: true } satisfies ToThread);
    });
  }

  #post(thread: Thread): void {
    thread.posting = false;
    if (thread.outbox.length === 0) return;
    const { outbox, transfer } = thread;
    thread.outbox = [];
    thread.transfer = [];
    (thread.worker ?? this.#start(thread)).postMessage(outbox satisfies ToThread, transfer);
  }

  #start(thread: Thread): Worker {
    // A journal has one writer.
    const settings = thread === this.#threads[0] ? this.#settings : { ...this.#settings, journal: null };
    const worker = new Worker(program('store/thread'), { workerData: { settings } satisfies ThreadData, name: 'postcote store' });
    thread.worker = worker;
    worker.once('online', () => {
      thread.heard = performance.now();
    });
    worker.on('message', (burst: Burst) => this.#receive(thread, burst));
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      thread.worker = null;
      const left = [...thread.pending.values()];
      thread.pending.clear();
      // Refused, so not to be done by the next one.
      thread.outbox = [];
      thread.transfer = [];
      for (const pending of left) pending.reject(new Fault('unavailable', 'store thread ended'));
      if ((this.#closing !== null || !this.#threads.includes(thread)) && cause === undefined) return;
      // The next request starts another.
      this.#deps.log.error({ err: cause, code, requests: left.length }, 'store thread failed');
    });
    return worker;
  }

  #receive(thread: Thread, burst: Burst): void {
    thread.heard = performance.now();
    for (const { level, fields, msg } of burst.logs) this.#deps.log[level](fields, msg);
    for (const step of burst.journalFailures) journalFailures.add(1, step);
    for (const reply of burst.replies) {
      const pending = thread.pending.get(reply.id);
      if (pending === undefined) continue;
      thread.pending.delete(reply.id);
      turns.take(() => settle(pending, reply));
    }
    for (const hint of burst.hints) this.#deps.onHint(hint);
    if (thread.pending.size === 0 && this.#threads.indexOf(thread) > 0) this.#rest(thread);
  }
}
