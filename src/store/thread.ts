import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Log } from '../base/log.ts';
import type { Burst, ThreadData, ToThread } from './protocol.ts';
import { StoreThread } from './writer/store-thread.ts';

/** Entry of a store thread: takes requests from the loop, answers in bursts. */
const port = parentPort!;
const { settings } = workerData as ThreadData;

let logs: Burst['logs'][number][] = [];
const collect = (more: Record<string, unknown>): Log => {
  const add = (level: 'info' | 'warn' | 'error') => (fields: Record<string, unknown>, msg: string) => {
    const { err, ...rest } = { ...more, ...fields } as Record<string, unknown>;
    logs.push({ level, fields: err instanceof Error ? { ...rest, err: err.stack } : rest, msg });
  };
  return { debug() {}, info: add('info'), warn: add('warn'), error: add('error'), child: (fields) => collect({ ...more, ...fields }) };
};

const thread = new StoreThread(settings, collect({}), (burst) => {
  port.postMessage({ ...burst, logs } satisfies Burst);
  logs = [];
});

port.on('message', (first: ToThread) => {
  for (let message: ToThread | undefined = first; message !== undefined; ) {
    if ('close' in message) {
      void thread.close().then(() => {
        port.postMessage({ replies: [], hints: [], logs, closed: true } satisfies Burst);
        port.close();
      });
      return;
    }
    thread.take(message);
    message = (receiveMessageOnPort(port) as { message: ToThread } | undefined)?.message;
  }
  void thread.work();
});
