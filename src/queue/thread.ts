import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { collectWhenIdle } from '../base/idle-collection.ts';
import { sqliteFault } from '../db/open.ts';
import { Fault } from '../mail/fault.ts';
import { copyLimit } from './copies.ts';
import { QueueEngine } from './engine.ts';
import { Spool, spoolFault } from './spool.ts';
import { openTrace } from './tables/trace.ts';
import type { Answer, Ask } from './thread-protocol.ts';
import { WalSync } from './wal-sync.ts';

/** The queue's thread: takes whatever waits, writes and syncs all its files together, commits all its rows together. */
const { dir, spoolDir, minfree } = workerData as { dir: string; spoolDir: string; minfree: number };
const spool = new Spool(spoolDir);
const engine = new QueueEngine(dir, spool, false);
const port = parentPort!;
const wal = new WalSync(join(dir, 'queue.sqlite'));

let traces: ReturnType<typeof openTrace> | null = null;
let waiting: Ask[] = [];
let busy = false;
let settling = false;
let closed = false;

collectWhenIdle();
port.on('message', (asks: readonly Ask[]) => {
  waiting.push(...asks);
  if (busy) return;
  busy = true;
  // After the other messages of this turn.
  setImmediate(() => void run());
});

async function run(): Promise<void> {
  while (waiting.length > 0) {
    const asks = waiting;
    waiting = [];
    await runBatch(asks);
  }
  busy = false;
}

/** A power cut may take these, done since mail was last accepted: then they are done again. */
const forgettable: ReadonlySet<Ask['op']> = new Set(['claim', 'finish', 'beat', 'noticesOf', 'stats', 'lengths', 'trace', 'close']);

interface Step {
  readonly ask: Ask;
  /** Size of its spool file. */
  size: number;
  /** Text that the database is to make durable, not the file. */
  copy: Uint8Array | null;
  answer?: unknown;
  error?: unknown;
}

async function runBatch(asks: readonly Ask[]): Promise<void> {
  const steps: Step[] = asks.map((ask) => ({ ask, size: 0, copy: null }));
  await writeFiles(steps);
  const good = steps.filter((step) => step.error === undefined);
  try {
    engine.commit(() => {
      for (const step of good) step.answer = perform(step);
    });
  } catch {
    // One of them spoilt it, or there is no room: each by itself.
    for (const step of good) {
      try {
        step.answer = engine.commit(() => perform(step));
      } catch (error) {
        step.error = error;
        discard(step.ask);
      }
    }
  }
  for (const step of steps) if (step.ask.op === 'notified' && step.answer === false) discard(step.ask);
  answer(steps.filter((step) => step.error !== undefined || forgettable.has(step.ask.op)));
  const durable = steps.filter((step) => step.error === undefined && !forgettable.has(step.ask.op));
  const synced = durable.length === 0 ? null : answerSynced(durable);
  const removed = engine.takeRemoved();
  const cleaned = removed.length === 0 ? null : removeSynced(removed);
  trace(asks);
  for (const ask of asks) if (ask.op === 'sweep') void settle(ask.ask.now);
  const last = asks.find((ask) => ask.op === 'close');
  if (last !== undefined) {
    closed = true;
    await synced;
    await cleaned;
    wal.close();
    engine.close();
    traces?.close();
    spool.close();
    port.close();
  }
}

function answer(steps: readonly Step[]): void {
  if (steps.length === 0) return;
  port.postMessage(steps.map((step): Answer => (step.error === undefined ? { n: step.ask.n, answer: step.answer } : failure(step))));
}

/** Answers what must be durable first; the next batch may begin meanwhile. */
async function answerSynced(steps: readonly Step[]): Promise<void> {
  try {
    await wal.sync();
  } catch (error) {
    for (const step of steps) step.error = error;
  }
  answer(steps);
}

/** A message may come back by a power cut until its end is durable; its file must be there then. */
async function removeSynced(ids: readonly string[]): Promise<void> {
  try {
    await wal.sync();
    for (const id of ids) spool.remove(id);
  } catch {
    // Swept as orphans, in time.
  }
}

/** Not part of the transaction: it is another database, and nothing depends on it. */
function trace(asks: readonly Ask[]): void {
  const events = asks.flatMap((ask) => (ask.op === 'trace' ? ask.ask.events : []));
  if (events.length === 0) return;
  try {
    traces ??= openTrace(dir);
    traces.add(events);
  } catch {
    // No room, or a damaged file: mail goes on.
  }
}

/** Long messages: file F, folder F, before any row. The text of short ones goes with their rows. STORE: queue */
async function writeFiles(steps: readonly Step[]): Promise<void> {
  let wrote = false;
  let free: number | null = null;
  const syncing: Promise<void>[] = [];
  for (const step of steps) {
    const content = contentOf(step.ask);
    if (content === null) continue;
    try {
      free ??= spool.free();
      if (free < minfree) throw new Fault('storageFull', `less than ${minfree} octets free for the spool`);
      const { bytes, file } = content.source;
      if (file === null && bytes.length <= copyLimit) {
        step.size = bytes.length;
        step.copy = bytes;
        continue;
      }
      const { fd, size } = spool.write(content.rows.message.id, content.source);
      step.size = size;
      wrote = true;
      syncing.push(
        spool.sync(fd).catch((error: unknown) => {
          step.error = error;
          discard(step.ask);
        }),
      );
    } catch (error) {
      step.error = error;
    }
  }
  await Promise.all(syncing);
  if (!wrote) return;
  try {
    spool.syncFolder();
  } catch (error) {
    for (const step of steps) if (contentOf(step.ask) !== null) step.error ??= error;
  }
}

function contentOf(ask: Ask) {
  return ask.op === 'enqueue' ? ask.ask : ask.op === 'notified' ? ask.ask.dsn : null;
}

function discard(ask: Ask): void {
  const content = contentOf(ask);
  if (content !== null) spool.remove(content.rows.message.id);
}

function perform({ ask, size, copy }: Step): unknown {
  switch (ask.op) {
    case 'enqueue':
      return engine.enqueue(ask.ask.rows, size, copy, ask.ask.lease);
    case 'claim':
      return engine.claim(ask.ask);
    case 'finish':
      return engine.finish(ask.ask);
    case 'noticesOf':
      return engine.noticesOf(ask.ask.id);
    case 'notified':
      return engine.notified(ask.ask.id, ask.ask.told, ask.ask.dsn === null ? null : { rows: ask.ask.dsn.rows, size, copy });
    case 'beat':
      return engine.beat(ask.ask.worker, ask.ask.isNew);
    case 'leave':
      return engine.leave(ask.ask.owner);
    case 'sweep':
      return engine.sweep(ask.ask);
    case 'removeOrphans':
      return engine.removeOrphans(ask.ask.now);
    case 'flush':
      return engine.flush(ask.ask.id);
    case 'flushDestination':
      return engine.flushDestination(ask.ask.destination);
    case 'stats':
      return engine.stats();
    case 'lengths':
      return engine.lengths();
    case 'trace':
    case 'close':
      return undefined;
  }
}

/** Mail that stays: its files are written and synced at leisure, then its text leaves the database. */
async function settle(now: number): Promise<void> {
  if (settling) return;
  settling = true;
  try {
    const ids = engine.fileCopies(now, 500);
    const synced = await Promise.allSettled(ids.map((id) => spool.syncFile(id)));
    if (closed || ids.length === 0) return;
    spool.syncFolder();
    engine.commit(() => engine.dropCopies(ids.filter((_, i) => synced[i]!.status === 'fulfilled')));
  } catch {
    // The copies stay; the next sweep tries again.
  } finally {
    settling = false;
  }
}

function failure({ ask, error }: Step): Answer {
  const fault = sqliteFault(spoolFault(error), dir);
  if (fault instanceof Fault) return { n: ask.n, fault: { kind: fault.kind, detail: fault.detail } };
  return { n: ask.n, fault: { kind: null, detail: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault) } };
}
