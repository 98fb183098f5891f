import type { Claim, Claimed, Finish, Lease, LeasedJob, NewRows, NoticesDue, SweepRequest } from './engine.ts';
import type { QueueId } from './queue.ts';
import type { SpoolSource } from './spool.ts';
import type { Notice } from './tables/recipient.ts';
import type { TraceEvent } from './tables/trace.ts';
import type { WorkerRow } from './tables/worker.ts';

/** What the queue's thread is asked to do, and what it answers. */
export interface Operations {
  enqueue: { ask: { rows: NewRows; source: SpoolSource; lease: Lease | null }; answer: LeasedJob[] };
  claim: { ask: Claim; answer: Claimed };
  finish: { ask: Finish; answer: { lost: boolean; notices: QueueId | null } };
  noticesOf: { ask: { id: QueueId }; answer: NoticesDue | null };
  notified: {
    ask: { id: QueueId; told: readonly { recipient: number; notice: Notice }[]; dsn: { rows: NewRows; source: SpoolSource } | null };
    answer: boolean;
  };
  beat: { ask: { worker: WorkerRow; isNew: boolean }; answer: boolean };
  leave: { ask: { owner: string }; answer: undefined };
  sweep: { ask: SweepRequest; answer: QueueId[] };
  removeOrphans: { ask: { now: number }; answer: number };
  flush: { ask: { id: string | null }; answer: number };
  flushDestination: { ask: { destination: string }; answer: number };
  stats: { ask: Record<string, never>; answer: ReturnType<import('./engine.ts').QueueEngine['stats']> };
  lengths: { ask: Record<string, never>; answer: ReturnType<import('./engine.ts').QueueEngine['lengths']> };
  trace: { ask: { events: readonly TraceEvent[] }; answer: undefined };
  close: { ask: Record<string, never>; answer: undefined };
}

export type OperationName = keyof Operations;
export type Ask = { [K in OperationName]: { readonly n: number; readonly op: K; readonly ask: Operations[K]['ask'] } }[OperationName];

export type Answer =
  | { readonly n: number; readonly answer: unknown }
  | { readonly n: number; readonly fault: { readonly kind: string | null; readonly detail: string } };
