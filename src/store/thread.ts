import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { collectWhenIdle } from '../base/idle-collection.ts';
import type { Log } from '../base/log.ts';
import type { JournalStep } from './journal/journal.ts';
import type { Burst, Reply, Request, ThreadData, Told, ToThread } from './protocol.ts';
import type { AppendRequest } from './writer/append.ts';
import { StoreThread } from './writer/store-thread.ts';

/** Entry of a store thread: takes requests from the loop, answers in bursts. */
const port = parentPort!;
const { settings } = workerData as ThreadData;

let logs: Burst['logs'][number][] = [];
let journalFailures: JournalStep[] = [];
let isTelling = false;

/** What nothing else carries. */
function tellSoon(): void {
  if (isTelling) return;
  isTelling = true;
  setImmediate(() => {
    isTelling = false;
    if (logs.length + journalFailures.length > 0) tell({ replies: [], hints: [] });
  });
}

function tell(burst: Told): void {
  port.postMessage({ ...burst, logs, journalFailures } satisfies Burst);
  logs = [];
  journalFailures = [];
}

const collect = (more: Record<string, unknown>): Log => {
  const add = (level: 'info' | 'warn' | 'error') => (fields: Record<string, unknown>, msg: string) => {
    const { err, ...rest } = { ...more, ...fields } as Record<string, unknown>;
    logs.push({ level, fields: err instanceof Error ? { ...rest, err: err.stack } : rest, msg });
    tellSoon();
  };
  return { debug() {}, info: add('info'), warn: add('warn'), error: add('error'), child: (fields) => collect({ ...more, ...fields }) };
};

/** Memory of long messages by request: given back with the answer, for the reason that `Staging.own` gives. */
const owned = new Map<number, ArrayBuffer[]>();
const worthFreeing = 64 << 10;

function own({ id, command, request }: Request): void {
  if (command !== 'append') return;
  const memory = (request as AppendRequest).messages.flatMap(({ bytes }) =>
    bytes !== null && bytes.length >= worthFreeing && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [],
  );
  if (memory.length > 0) owned.set(id, memory);
}

function free({ id }: Reply): void {
  for (const buffer of owned.get(id) ?? []) buffer.transfer(0);
  owned.delete(id);
}

const count = (step: JournalStep): void => {
  journalFailures.push(step);
  tellSoon();
};
const send = (burst: Told): void => {
  tell(burst);
  if (owned.size > 0) burst.replies.forEach(free);
};
const thread = new StoreThread(settings, collect({}), send, count);

collectWhenIdle();
port.on('message', (first: ToThread) => {
  for (let message: ToThread | undefined = first; message !== undefined; ) {
    if ('close' in message) {
      void thread.close().then(() => {
        tell({ replies: [], hints: [], closed: true });
        port.close();
      });
      return;
    }
    message.forEach(own);
    thread.take(message);
    message = (receiveMessageOnPort(port) as { message: ToThread } | undefined)?.message;
  }
  void thread.work();
});
