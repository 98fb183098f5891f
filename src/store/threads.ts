import { Worker } from 'node:worker_threads';
import type { Log } from '../base/log.ts';
import { Fault } from '../mail/fault.ts';
import type { Burst, CommandName, Commands, Request, ThreadData, ToThread } from './protocol.ts';
import type { StoreSettings } from './settings.ts';

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Thread {
  /** Started with the first request: each costs some 10 MB. */
  worker: Worker | null;
  outbox: Request[];
  transfer: ArrayBuffer[];
  posting: boolean;
  readonly pending: Map<number, Pending>;
}

export interface StoreThreadsDeps {
  readonly log: Log;
  readonly onHint: (hint: Burst['hints'][number]) => void;
}

/** The store threads of this process; an account is always in the same one. Requests of one turn of the loop travel together. */
export class StoreThreads {
  readonly #settings: StoreSettings;
  readonly #deps: StoreThreadsDeps;
  readonly #threads: Thread[] = [];
  #lastId = 0;
  #closing = false;

  constructor(settings: StoreSettings, deps: StoreThreadsDeps) {
    this.#settings = settings;
    this.#deps = deps;
    for (let n = 0; n < Math.max(1, settings.threads); n++) {
      this.#threads.push({ worker: null, outbox: [], transfer: [], posting: false, pending: new Map() });
    }
  }

  call<N extends CommandName>(
    account: { readonly address: string; readonly home: string },
    command: N,
    request: Commands[N]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Commands[N]['result']> {
    if (this.#closing) return Promise.reject(new Fault('unavailable', 'the store is closing'));
    const thread = this.#threads[hash(account.home) % this.#threads.length]!;
    const id = ++this.#lastId;
    thread.outbox.push({ id, account: { address: account.address, home: account.home }, command, request });
    thread.transfer.push(...transfer);
    if (!thread.posting) {
      thread.posting = true;
      setImmediate(() => this.#post(thread));
    }
    return new Promise((resolve, reject) => {
      thread.pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** Runs what was taken on, then ends the threads. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      this.#threads.map(async (thread) => {
        this.#post(thread);
        const { worker } = thread;
        if (worker === null) return;
        await new Promise<void>((resolve) => {
          worker.once('exit', () => resolve());
          worker.postMessage({ close: true } satisfies ToThread);
        });
      }),
    );
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
    const url = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);
    const worker = new Worker(url, { workerData: { settings: this.#settings } satisfies ThreadData, name: 'postcote store' });
    thread.worker = worker;
    worker.on('message', (burst: Burst) => this.#receive(thread, burst));
    worker.on('error', (error) => this.#deps.log.error({ err: error }, 'store thread failed'));
    worker.on('exit', () => {
      const left = [...thread.pending.values()];
      thread.pending.clear();
      for (const pending of left) pending.reject(new Fault('unavailable', 'store thread ended'));
      // The next request starts another.
      if (!this.#closing) thread.worker = null;
    });
    return worker;
  }

  #receive(thread: Thread, burst: Burst): void {
    for (const { level, fields, msg } of burst.logs) this.#deps.log[level](fields, msg);
    for (const reply of burst.replies) {
      const pending = thread.pending.get(reply.id);
      if (pending === undefined) continue;
      thread.pending.delete(reply.id);
      if (reply.fault !== undefined) pending.reject(new Fault(reply.fault.kind, reply.fault.detail));
      else if (reply.error !== undefined) pending.reject(Object.assign(new Error(reply.error.split('\n')[0]), { stack: reply.error }));
      else pending.resolve(reply.value);
    }
    for (const hint of burst.hints) this.#deps.onHint(hint);
  }
}

/** FNV-1a */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
