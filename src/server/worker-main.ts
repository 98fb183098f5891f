// The program of a worker process; the primary forks it with its listeners as inherited descriptors.

import { collectWhenIdle } from '../base/idle-collection.ts';
import type { MetricSample } from '../base/metrics.ts';
import { sampleMetrics } from '../base/metrics.ts';
import { Fault } from '../mail/fault.ts';
import { createBus } from './bus.ts';
import { StartFailure, startExit } from './failure.ts';
import { type Instance, startInstance } from './instance.ts';
import { createLog, type ServerLog } from './log.ts';
import type { ToPrimary, ToWorker, WorkerStart } from './messages.ts';
import { assertConfined, identityOf } from './privileges.ts';

const send = (message: ToPrimary): void => {
  if (process.connected) process.send!(message, undefined, undefined, () => {});
};
const bus = createBus((topic, message, to) => send({ kind: 'bus', topic, message, ...(to === undefined ? {} : { to }) }));
const gathering = new Map<number, (samples: readonly MetricSample[]) => void>();
let gathered = 0;
let log: ServerLog | null = null;
let instance: Promise<Instance> | null = null;

process.umask(0o077);
collectWhenIdle();
// The terminal sends these to the whole group; the primary decides.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('SIGTERM', () => void stop(8000));
// Nobody is left who would replace or stop us, and the next server waits for our journal: it is to serve within two seconds.
process.on('disconnect', () => {
  if (stopping) return;
  // Also while a thread waits for the disk, which an exit waits for. No more is lost than when all are killed.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphaned + 200);
  void stop(orphaned);
});
process.on('uncaughtException', (error) => {
  log?.error({ error }, 'uncaught exception');
  process.exit(70);
});

process.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      instance = start(message.start);
      instance.then(
        () => send({ kind: 'serving' }),
        (error: unknown) => {
          const [code, line] = describe(error);
          process.send!({ kind: 'failed', code, line } satisfies ToPrimary, undefined, undefined, () => process.exit(code));
        },
      );
      break;
    case 'reload':
      log?.setLevel(message.config['log.level']);
      instance
        ?.then((running) => running.reload(message.config, message.tls))
        .catch((error: unknown) => log?.error({ error }, 'reload failed'));
      break;
    case 'bus':
      bus.receive(message.topic, message.message, message.from);
      break;
    case 'ping':
      send({ kind: 'pong' });
      break;
    case 'collect':
      send({ kind: 'collected', id: message.id, samples: sampleMetrics() });
      break;
    case 'samples':
      gathering.get(message.id)?.(message.samples);
      gathering.delete(message.id);
      break;
    case 'stop':
      void stop(message.deadlineMs);
      break;
  }
});

async function start({ number, config, tls, ticketKeys, listeners }: WorkerStart): Promise<Instance> {
  process.title = `postcote worker ${number}`;
  log = createLog(config['log.level']);
  if (config.run_as !== '') assertConfined(identityOf(config.run_as, null));
  return startInstance({
    config,
    tls,
    ticketKeys: Buffer.from(ticketKeys, 'base64'),
    listeners,
    bus,
    log,
    worker: number,
    samples: () =>
      new Promise((resolve) => {
        const id = ++gathered;
        gathering.set(id, resolve);
        send({ kind: 'gather', id });
      }),
  });
}

/** Milliseconds that a worker without a primary has for what it has begun. */
const orphaned = 300;
let stopping = false;
async function stop(deadlineMs: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.exit(0), deadlineMs + 1000).unref();
  try {
    await (await instance)?.stop(deadlineMs);
  } catch (error) {
    log?.error({ error }, 'stop failed');
  }
  process.exit(0);
}

function describe(error: unknown): [StartFailure['code'], string] {
  if (error instanceof StartFailure) return [error.code, error.message];
  if (error instanceof Fault) return [startExit.unavailable, error.detail];
  return [startExit.unavailable, error instanceof Error ? (error.stack ?? error.message) : String(error)];
}
