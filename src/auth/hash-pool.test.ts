import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { hashPool } from './hash-pool.ts';

it('ends threads that rest, and starts another for the next request', async () => {
  const started: Worker[] = [];
  const note = (thread: Worker): void => void started.push(thread);
  process.on('worker', note);
  const pool = hashPool({ threads: 1, rest: 50 });
  try {
    expect(await pool.verify('secret', await pool.hash('secret', 'SHA256'), 'SHA256', 'ann@example.com')).toBe(true);
    expect(started).toHaveLength(1);
    await once(started[0]!, 'exit');
    expect(await pool.verify('secret', '{PLAIN}secret', 'PLAIN', 'ann@example.com')).toBe(true);
    expect(started).toHaveLength(2);
  } finally {
    process.off('worker', note);
    await pool.close();
  }
});
