import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { QueueEngine } from './engine.ts';
import { Spool } from './spool.ts';

/**
 * The queue for a command of the operator's, beside the server or without it; null where there is none yet.
 * A server that runs sees the change within a second.
 */
export function openQueueAdmin(dir: string): { engine: QueueEngine; spool: Spool; close(): void } | null {
  if (!existsSync(join(dir, 'queue.sqlite'))) return null;
  const spool = new Spool(join(dir, 'spool'));
  const engine = new QueueEngine(dir, spool);
  return {
    engine,
    spool,
    close() {
      engine.close();
      spool.close();
    },
  };
}
