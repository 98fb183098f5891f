import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTrace, type TraceEvent, traceFile } from './tables/trace.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-trace-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const day = 86_400_000;

/** A delivery, as the log says it. */
function event(n: number, at = n, more: Record<string, unknown> = {}): TraceEvent {
  const fields = {
    session: `S${n}x`,
    message_id: `<${n}.Bench@example.com>`,
    address: `u${n % 10}@example.com`,
    result: 'stored',
    ...more,
  };
  const keys = Object.values(fields).flatMap((value) => (typeof value === 'string' && value !== 'stored' ? [value.toLowerCase()] : []));
  return { at, queueId: `ID${String(n).padStart(6, '0')}`, msg: 'delivery', fields: JSON.stringify(fields), keys };
}

const some = (first: number, count: number): TraceEvent[] => Array.from({ length: count }, (_, i) => event(first + i));

it('finds messages by queue id, Message-ID, session and address, however they were written down together', () => {
  const [one, two] = [openTrace(dir), openTrace(dir)];
  for (let n = 0; n < 3000; n += 60) {
    one.add(some(n, 50));
    two.add(some(n + 50, 1));
    two.add(some(n + 51, 9));
  }
  const idsOf = (what: string): string[] => [...new Set(one.find(what).map(({ queue_id }) => queue_id))];
  for (const n of [0, 49, 50, 51, 59, 60, 1777, 2999]) {
    const id = event(n).queueId;
    for (const what of [id, id.toLowerCase(), `<${n}.bench@example.com>`, `${n}.BENCH@example.com`, `s${n}X`]) {
      expect([what, idsOf(what)]).toEqual([what, [id]]);
    }
  }
  // The newest of many.
  const newest = Array.from({ length: 200 }, (_, i) => event(2993 - 10 * i).queueId).sort();
  expect(idsOf('U3@example.com').sort()).toEqual(newest);
  for (const nothing of ['stored', 'u3@example.org', '3000.bench@example.com', 'delivery', '']) expect(idsOf(nothing)).toEqual([]);
  for (const store of [one, two]) store.close();
});

it('goes on to what a message went on as', () => {
  const trace = openTrace(dir);
  trace.add([event(1, 1, { queued_as: 'ID000002' }), event(2)]);
  expect(trace.find('s1x').map(({ queue_id }) => queue_id)).toEqual(['ID000001', 'ID000002']);
  trace.close();
});

it('forgets after two weeks, marks as well', () => {
  const trace = openTrace(dir);
  trace.add(some(0, 999));
  for (let n = 1000; n < 3000; n += 1000) trace.add(Array.from({ length: 1000 }, (_, i) => event(n + i, 20 * day + n)));
  expect([trace.find('s5x'), trace.find('ID000005')]).toEqual([[], []]);
  expect(trace.find('s1005x')).toHaveLength(1);
  trace.close();
});

it('writes an event to one place', () => {
  const trace = openTrace(dir);
  for (let n = 0; n < 5000; n += 250) trace.add(some(n, 250));
  trace.close();
  expect(statSync(traceFile(dir)).size / 5000).toBeLessThan(250);
});
