import { type ChildProcess, fork } from 'node:child_process';
import type { Log } from '../base/log.ts';
import { type MetricSample, mergeSamples } from '../base/metrics.ts';
import { program } from '../base/program.ts';
import type { TlsSettings } from '../net/tls.ts';
import type { Config } from './config/settings.ts';
import { StartFailure } from './failure.ts';
import { heapFlags, mallocSettings } from './heap-flags.ts';
import type { ToPrimary, ToWorker, WorkerStart } from './messages.ts';
import type { BoundListener } from './sockets.ts';

/** How often workers are asked for a sign of life, and after how many missing answers one counts as hung. Milliseconds. */
const pingInterval = 500;
const missesAllowed = 8;
/** A worker that served this long before it died is replaced at once: its share of new connections waits for the next one. Milliseconds. */
const goodService = 500;
/** Longest pause before a worker that keeps dying is tried again. */
const longestPause = 5000;

export interface Supervisor {
  reload(config: Config, tls: TlsSettings): void;
  stop(deadlineMs: number): Promise<void>;
}

export interface SupervisorOptions {
  readonly config: Config;
  readonly tls: TlsSettings;
  readonly ticketKeys: Buffer;
  readonly bound: readonly BoundListener[];
  readonly log: Log;
}

interface Worker {
  readonly number: number;
  child: ChildProcess;
  serving: boolean;
  misses: number;
  /** When it began to serve; 0 = not yet. Milliseconds since 1970. */
  served: number;
  /** Deaths in a row before it served for long. */
  falls: number;
}

/**
 * Runs the workers and replaces those that die or hang. Resolves when all of them serve.
 * @throws StartFailure of the first worker that cannot
 */
export async function supervise({ config, tls, ticketKeys, bound, log }: SupervisorOptions): Promise<Supervisor> {
  let current = { config, tls };
  let stopping = false;
  let ready = false;
  const workers: Worker[] = [];
  const gathers = new Map<
    number,
    {
      readonly asker: Worker;
      readonly askerId: number;
      missing: number;
      readonly samples: (readonly MetricSample[])[];
      timer: NodeJS.Timeout;
    }
  >();
  let lastGather = 0;

  const post = (worker: Worker, message: ToWorker): void => {
    if (worker.child.connected) worker.child.send(message, () => {});
  };

  let whenServing: () => void = () => {};
  let whenFailed: (failure: StartFailure) => void = () => {};
  const allServing = new Promise<void>((resolve, reject) => {
    whenServing = resolve;
    whenFailed = reject;
  });

  const launch = (worker: Worker): void => {
    const place = worker.number - 1;
    const fds = bound.map(({ sockets }) => (sockets[place] ?? sockets[0]!).fd());
    const child = fork(program('server/worker-main'), [], {
      execArgv: [...heapFlags, ...process.execArgv],
      env: { ...mallocSettings, ...process.env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...fds],
    });
    worker.child = child;
    worker.serving = false;
    worker.misses = 0;
    worker.served = 0;
    child.on('message', (message: ToPrimary) => receive(worker, child, message));
    child.on('error', (error) => log.error({ worker: worker.number, error }, 'worker trouble'));
    child.on('exit', (code, signal) => gone(worker, child, code, signal));
    const start: WorkerStart = {
      number: worker.number,
      ...current,
      ticketKeys: ticketKeys.toString('base64'),
      listeners: bound.map(({ name, host, port }, i) => ({ name, host, port, fd: 4 + i })),
    };
    post(worker, { kind: 'start', start });
  };

  const gone = (worker: Worker, child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void => {
    if (worker.child !== child || stopping) return;
    worker.serving = false;
    if (!ready) {
      whenFailed(new StartFailure(69, `worker ${worker.number} ended while starting: ${signal ?? `exit ${code}`}`));
      return;
    }
    worker.falls = worker.served > 0 && Date.now() - worker.served >= goodService ? 0 : worker.falls + 1;
    const pause = worker.falls <= 1 ? 0 : Math.min(longestPause, 250 * 2 ** worker.falls);
    log.error({ worker: worker.number, pid: child.pid, code, signal, pause }, 'worker died, replacing it');
    setTimeout(() => {
      if (!stopping) launch(worker);
    }, pause);
  };

  const receive = (worker: Worker, child: ChildProcess, message: ToPrimary): void => {
    if (worker.child !== child) return;
    switch (message.kind) {
      case 'serving':
        worker.serving = true;
        worker.served = Date.now();
        if (ready) log.info({ worker: worker.number, pid: child.pid }, 'worker serves');
        if (workers.every(({ serving }) => serving)) whenServing();
        break;
      case 'failed':
        log.debug({ worker: worker.number }, message.line);
        if (ready) log.error({ worker: worker.number, reason: message.line }, 'worker cannot start');
        else whenFailed(new StartFailure(message.code, message.line));
        break;
      case 'bus':
        pass(worker, message);
        break;
      case 'pong':
        worker.misses = 0;
        break;
      case 'gather':
        gather(worker, message.id);
        break;
      case 'collected': {
        const open = gathers.get(message.id);
        if (open === undefined) break;
        open.samples.push(message.samples);
        if (--open.missing === 0) answer(message.id);
        break;
      }
    }
  };

  const pass = ({ number: from }: Worker, { topic, message, to }: Extract<ToPrimary, { kind: 'bus' }>): void => {
    for (const other of workers) {
      if (other.number !== from && (to?.includes(other.number) ?? true)) post(other, { kind: 'bus', topic, message, from });
    }
  };

  const gather = (asker: Worker, askerId: number): void => {
    const id = ++lastGather;
    const asked = workers.filter(({ serving }) => serving);
    gathers.set(id, { asker, askerId, missing: asked.length, samples: [], timer: setTimeout(() => answer(id), 1000) });
    for (const worker of asked) post(worker, { kind: 'collect', id });
  };
  const answer = (id: number): void => {
    const open = gathers.get(id)!;
    clearTimeout(open.timer);
    gathers.delete(id);
    post(open.asker, { kind: 'samples', id: open.askerId, samples: mergeSamples(open.samples) });
  };

  const heart = setInterval(() => {
    for (const worker of workers) {
      if (!worker.serving) continue;
      if (worker.misses >= missesAllowed) {
        log.error({ worker: worker.number, pid: worker.child.pid }, 'worker hangs, killing it');
        worker.child.kill('SIGKILL');
        continue;
      }
      worker.misses++;
      post(worker, { kind: 'ping' });
    }
  }, pingInterval);

  const stop = async (deadlineMs: number): Promise<void> => {
    stopping = true;
    clearInterval(heart);
    for (const worker of workers) post(worker, { kind: 'stop', deadlineMs });
    const late = setTimeout(() => {
      for (const { child } of workers) child.kill('SIGKILL');
    }, deadlineMs + 1500);
    await Promise.all(workers.map(({ child }) => ended(child)));
    clearTimeout(late);
  };

  for (let number = 1; number <= config.workers; number++) {
    const worker = { number, serving: false, misses: 0, served: 0, falls: 0 } as Worker;
    workers.push(worker);
    launch(worker);
  }
  try {
    await allServing;
  } catch (error) {
    await stop(0);
    throw error;
  }
  ready = true;
  return {
    reload(nextConfig, nextTls) {
      current = { config: nextConfig, tls: nextTls };
      for (const worker of workers) post(worker, { kind: 'reload', ...current });
    },
    stop,
  };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
