import { Worker } from 'node:worker_threads';
import { program } from '../base/program.ts';
import { Fault, type FaultKind } from '../mail/fault.ts';
import type { Answer, Ask, OperationName, Operations } from './thread-protocol.ts';

interface Pending {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** The queue's thread as seen from the loop. */
export class QueueThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #asks: Ask[] = [];
  #transfer: ArrayBuffer[] = [];
  #count = 0;
  #gone: Error | null = null;

  /** @param onExit the thread ended by itself: a bug, and the end of this process's queue */
  constructor(workerData: { dir: string; spoolDir: string; minfree: number }, onExit: (error: Error) => void) {
    this.#worker = new Worker(program('queue/thread'), { workerData });
    this.#worker.on('message', (answers: readonly Answer[]) => {
      for (const answer of answers) {
        const pending = this.#pending.get(answer.n);
        this.#pending.delete(answer.n);
        if ('fault' in answer) pending?.reject(errorOf(answer.fault));
        else pending?.resolve(answer.answer as never);
      }
      if (this.#pending.size === 0 && this.#gone === null) this.#worker.unref();
    });
    let error = new Error('the queue thread ended');
    this.#worker.on('error', (cause) => {
      error = cause instanceof Error ? cause : new Error(String(cause));
    });
    this.#worker.on('exit', () => {
      const expected = this.#gone !== null;
      this.#gone = error;
      for (const pending of this.#pending.values()) pending.reject(error);
      this.#pending.clear();
      if (!expected) onExit(error);
    });
    this.#worker.unref();
  }

  ask<K extends OperationName>(op: K, ask: Operations[K]['ask'], transfer: readonly ArrayBuffer[] = []): Promise<Operations[K]['answer']> {
    if (this.#gone !== null) return Promise.reject(new Fault('unavailable', this.#gone.message));
    const n = ++this.#count;
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(n, { resolve, reject });
      // All of one turn of the loop in one message: each costs a wake-up on both sides.
      if (this.#asks.push({ n, op, ask } as Ask) === 1) setImmediate(() => this.#send());
      this.#transfer.push(...transfer);
    });
  }

  #send(): void {
    const [asks, transfer] = [this.#asks, this.#transfer];
    this.#asks = [];
    this.#transfer = [];
    this.#worker.postMessage(asks, transfer);
  }

  async close(): Promise<void> {
    if (this.#gone !== null) return;
    const exit = new Promise((resolve) => this.#worker.once('exit', resolve));
    const done = this.ask('close', {});
    this.#gone = new Error('the queue is closed');
    await done;
    await exit;
  }
}

function errorOf({ kind, detail }: { kind: string | null; detail: string }): Error {
  return kind === null ? new Error(`queue thread: ${detail}`) : new Fault(kind as FaultKind, detail);
}
