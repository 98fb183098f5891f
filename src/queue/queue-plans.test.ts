import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cpu } from '../../test/support/time.ts';
import { type Database, openDatabase } from '../db/open.ts';
import { QueueEngine } from './engine.ts';
import type { QueueId } from './queue.ts';
import { Spool } from './spool.ts';

let dir: string;
let spool: Spool;
let engine: QueueEngine;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-plans-'));
  spool = new Spool(join(dir, 'spool'));
  engine = new QueueEngine(dir, spool);
});
afterEach(() => {
  engine.close();
  spool.close();
  rmSync(dir, { recursive: true, force: true });
});

function fill(from: number, count: number): void {
  engine.commit(() => {
    for (let i = from; i < from + count; i++) {
      engine.enqueue(
        {
          message: {
            id: `Q${String(i).padStart(10, '0')}` as QueueId,
            created: 1000,
            reverse_local: 'ann',
            reverse_domain: 'here.test',
            body: '7bit',
            smtputf8: 0,
            require_tls: 0,
            ret: null,
            envid: null,
            sender: `s${i % 50}`,
          },
          jobs: [
            {
              transport: 'relay',
              destination: `d${i % 1000}.test`,
              recipients: [{ local_part: `u${i}`, domain: `d${i % 1000}.test`, original: `u${i}@d`, orcpt: null, notify: null }],
            },
          ],
          due: 1000,
          expires: 1e15,
          warnAt: 1e14,
        },
        100,
        null,
      );
    }
  });
}

it('counts deliveries by state from indexes alone', () => {
  fill(0, 30);
  expect(engine.lengths()).toEqual({ ready: 30, waiting: 0, leased: 0 });
  claim();
  expect(engine.lengths()).toEqual({ ready: 10, waiting: 0, leased: 20 });
  const db = openDatabase(join(dir, 'queue.sqlite'));
  for (const [state, index] of ['job_by_rank|job_by_sender', 'job_by_due', 'job_by_lease'].entries()) {
    const plan = db.prepare(`EXPLAIN QUERY PLAN SELECT count(*) FROM job WHERE state = ${state}`).all() as { detail: string }[];
    expect(plan.map(({ detail }) => detail).join()).toMatch(new RegExp(index));
  }
  db.close();
});

const claim = () => engine.commit(() => engine.claim({ owner: 'w', now: 2000, want: 20, after: '', slots: new Map(), slot: 5 }));

describe('queue at length', () => {
  it('accepts and claims as fast with 50,000 in it', async () => {
    // The best of three, so that a checkpoint in one of them says nothing.
    const best = async (work: (n: number) => unknown): Promise<number> =>
      Math.min(await cpu(() => work(1)), await cpu(() => work(2)), await cpu(() => work(3)));
    fill(0, 1000);
    const first = await best((n) => fill(n * 1000, 1000));
    fill(10_000, 50_000);
    const last = await best((n) => fill(100_000 + n * 1000, 1000));
    expect(last).toBeLessThan(first * 4 + 20);
    expect(await best(claim)).toBeLessThan(100);
    expect(await best(() => void engine.commit(() => engine.sweep({ owner: 'w', now: 2000, uptime: 0, longest: 3_600_000 })))).toBeLessThan(
      100,
    );
  });

  it('never walks a table for what happens to each message', () => {
    const db: Database = openDatabase(join(dir, 'queue.sqlite'), { readOnly: true });
    const plan = (sql: string): string => explain(db, sql);
    for (const sql of [
      'SELECT min(destination) FROM job WHERE state = 0 AND destination > ?',
      'SELECT * FROM job WHERE state = 0 AND destination = ? ORDER BY rank LIMIT ?',
      'SELECT min(rank) FROM job WHERE state = 0 AND destination = ?',
      'SELECT max(rank) FROM job WHERE state = 0 AND destination = ? AND sender = ?',
      'SELECT id FROM job WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?',
      'SELECT min(due) FROM job WHERE state = 1',
      'SELECT * FROM job WHERE state IN (0, 1) AND expires <= ? LIMIT ?',
      'SELECT * FROM job WHERE warn_at <= ? ORDER BY warn_at LIMIT ?',
      'SELECT * FROM job WHERE state = 2 AND lease_owner = ?',
      'SELECT DISTINCT lease_owner FROM job WHERE state = 2',
      'SELECT count(*) FROM job WHERE message_id = ? AND state IN (0, 2)',
      "SELECT * FROM recipient WHERE job_id = ? AND state = 'queued' ORDER BY id",
      'SELECT * FROM recipient WHERE message_id = ? AND notice IS NOT NULL ORDER BY id',
    ]) {
      expect(plan(sql), sql).toMatch(/USING (COVERING )?INDEX/);
      expect(plan(sql), sql).not.toMatch(/TEMP B-TREE FOR (ORDER|GROUP)/);
    }
    db.close();
  });
});

function explain(db: Database, sql: string): string {
  const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from(sql.matchAll(/\?/g), () => 0)) as { detail: string }[];
  return rows.map(({ detail }) => detail).join('; ');
}
