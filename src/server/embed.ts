import { randomBytes } from 'node:crypto';
import type { DestinationStream } from 'pino';
import { hashPassword } from '../auth/password.ts';
import { sampleMetrics } from '../base/metrics.ts';
import { replayJournals } from '../store/journal/replay.ts';
import { createBus } from './bus.ts';
import { checkedBy } from './check.ts';
import { loadConfig } from './config/load.ts';
import { startInstance } from './instance.ts';
import { createLog } from './log.ts';
import { prepare, prepareDirectory, readTls } from './prepare.ts';
import { journalDir } from './slices.ts';
import type { ListenerInfo } from './sockets.ts';

export interface CreateServerOptions {
  /** Settings by dotted name, as in the configuration file; the rest are the file's defaults. `{ 'listen.smtp': ['127.0.0.1:0'], … }` */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A configuration file instead. */
  readonly config?: string;
  /** Where log lines go instead of stdout. */
  readonly log?: DestinationStream;
}

/** A running server inside this process. */
export interface Server {
  /** As in the ready line, with the ports that were found for 0. */
  readonly listeners: readonly ListenerInfo[];
  /** Reads the configuration file and certificates again. */
  reload(settings?: Readonly<Record<string, unknown>>): void;
  /** Sessions have until the deadline to finish. Milliseconds, default 2000. */
  close(deadlineMs?: number): Promise<void>;
}

/**
 * Starts everything in this process, which keeps its user and its signals. Resolves when every listener accepts.
 * @throws ConfigError, StartFailure
 */
export async function createServer({ settings, config: file, log: destination }: CreateServerOptions = {}): Promise<Server> {
  const load = (values = settings) => loadConfig(file === undefined ? { values: values ?? {} } : { file });
  const loaded = load();
  const { config } = loaded;
  const log = createLog(config['log.level'], destination);
  checkedBy(log, loaded);
  const { tls, bound } = prepare({ ...loaded, config: { ...config, run_as: '' } }, log, 1);
  await prepareDirectory(loaded, (password) => hashPassword(password, config['auth.default_pass_scheme']));
  replayJournals(journalDir(config), 1, log);
  const instance = await startInstance({
    config,
    tls,
    ticketKeys: randomBytes(48),
    listeners: bound.map(({ sockets, ...info }) => ({ ...info, socket: sockets[0]! })),
    bus: createBus(),
    log,
    worker: 1,
    samples: async () => sampleMetrics(),
  });
  return {
    listeners: bound.map(({ name, host, port }) => ({ name, host, port })),
    reload(values) {
      const next = load(values);
      checkedBy(log, next);
      instance.reload(next.config, readTls(next));
    },
    close: (deadlineMs = 2000) => instance.stop(deadlineMs),
  };
}
