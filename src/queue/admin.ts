import { statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { QueueEngine } from './engine.ts';
import { Spool } from './spool.ts';
import { openTrace } from './tables/trace.ts';

export interface QueueAdmin {
  readonly engine: QueueEngine;
  readonly spool: Spool;
  /** Puts down in the trace of messages what was done to them, and by whom. */
  note(done: string, ids: readonly string[], uid: number | null): void;
  close(): void;
}

/**
 * The queue for a command of the operator's, beside the server or without it; null where there is none yet. One that this user may not
 * look at is no empty one.
 * A server that runs sees the change within a second.
 */
export function openQueueAdmin(dir: string): QueueAdmin | null {
  if (statSync(join(dir, 'queue.sqlite'), { throwIfNoEntry: false }) === undefined) return null;
  const spool = new Spool(join(dir, 'spool'));
  const engine = new QueueEngine(dir, spool);
  return {
    engine,
    spool,
    note(done, ids, uid) {
      const trace = openTrace(dir);
      try {
        const at = systemClock.now();
        trace.add(ids.map((queueId) => ({ at, queueId, msg: done, fields: JSON.stringify({ queue_id: queueId, uid }), keys: [] })));
      } finally {
        trace.close();
      }
    },
    close() {
      engine.close();
      spool.close();
    },
  };
}
