import { parentPort, workerData } from 'node:worker_threads';
import { sqliteFault } from '../db/open.ts';
import { Fault } from '../mail/fault.ts';
import { QueueEngine } from './engine.ts';
import { Spool, spoolFault } from './spool.ts';
import { openTrace } from './tables/trace.ts';
import type { Answer, Ask } from './thread-protocol.ts';

/** The queue's thread: takes whatever waits, writes and syncs all its files together, commits all its rows together. */
const { dir, spoolDir, minfree } = workerData as { dir: string; spoolDir: string; minfree: number };
const spool = new Spool(spoolDir);
const engine = new QueueEngine(dir, spool);
const port = parentPort!;

let traces: ReturnType<typeof openTrace> | null = null;
let waiting: Ask[] = [];
let busy = false;

port.on('message', (ask: Ask) => {
  waiting.push(ask);
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

interface Step {
  readonly ask: Ask;
  /** Size of its spool file, once that is durable. */
  size: number;
  answer?: unknown;
  error?: unknown;
}

async function runBatch(asks: readonly Ask[]): Promise<void> {
  const steps: Step[] = asks.map((ask) => ({ ask, size: 0 }));
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
  for (const step of steps) {
    if (step.ask.op === 'notified' && step.answer === false) discard(step.ask);
    port.postMessage(step.error === undefined ? ({ n: step.ask.n, answer: step.answer } satisfies Answer) : failure(step));
  }
  trace(asks);
  const last = asks.find((ask) => ask.op === 'close');
  if (last !== undefined) {
    engine.close();
    traces?.close();
    spool.close();
    port.close();
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

/** File F, folder F, before any row. STORE: queue */
async function writeFiles(steps: readonly Step[]): Promise<void> {
  let wrote = false;
  const syncing: Promise<void>[] = [];
  for (const step of steps) {
    const content = contentOf(step.ask);
    if (content === null) continue;
    try {
      if (spool.free() < minfree) throw new Fault('storageFull', `less than ${minfree} octets free for the spool`);
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

function perform({ ask, size }: Step): unknown {
  switch (ask.op) {
    case 'enqueue':
      return engine.enqueue(ask.ask.rows, size);
    case 'claim':
      return engine.claim(ask.ask);
    case 'finish':
      return engine.finish(ask.ask);
    case 'noticesOf':
      return engine.noticesOf(ask.ask.id);
    case 'notified':
      return engine.notified(ask.ask.id, ask.ask.told, ask.ask.dsn === null ? null : { rows: ask.ask.dsn.rows, size });
    case 'beat':
      return engine.beat(ask.ask.worker, ask.ask.isNew);
    case 'leave':
      return engine.leave(ask.ask.owner);
    case 'sweep':
      return engine.sweep(ask.ask.owner, ask.ask.now);
    case 'removeOrphans':
      return engine.removeOrphans(ask.ask.now);
    case 'flush':
      return engine.flush(ask.ask.id);
    case 'flushDestination':
      return engine.flushDestination(ask.ask.destination);
    case 'stats':
      return engine.stats();
    case 'trace':
    case 'close':
      return undefined;
  }
}

function failure({ ask, error }: Step): Answer {
  const fault = sqliteFault(spoolFault(error), dir);
  if (fault instanceof Fault) return { n: ask.n, fault: { kind: fault.kind, detail: fault.detail } };
  return { n: ask.n, fault: { kind: null, detail: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault) } };
}
