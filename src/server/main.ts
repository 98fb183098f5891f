import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { hashPassword } from '../auth/password.ts';
import { collectWhenIdle } from '../base/idle-collection.ts';
import { sampleMetrics } from '../base/metrics.ts';
import { Fault } from '../mail/fault.ts';
import { replayJournals } from '../store/journal/replay.ts';
import { createBus } from './bus.ts';
import { checkedBy } from './check.ts';
import { ConfigError } from './config/error.ts';
import { type Loaded, loadConfig } from './config/load.ts';
import { followsReload, type SettingName, settingNames } from './config/settings.ts';
import { StartFailure, startExit } from './failure.ts';
import { refit } from './heap-flags.ts';
import { createLog, type ServerLog } from './log.ts';
import { notifyManager } from './notify.ts';
import { prepare, prepareDirectory, readTls } from './prepare.ts';
import { journalDir } from './slices.ts';
import { closeListeners } from './sockets.ts';
import { supervise } from './supervisor.ts';

/** How long sessions have to finish what was accepted. Everything is over 10 s after the signal. Milliseconds. */
const grace = 7500;

/** One process that serves, or the supervisor of those that do. */
interface Running {
  reload(loaded: Loaded): void;
  stop(deadlineMs: number): Promise<void>;
}

/** `node dist/server.js [--config FILE]` */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  process.umask(0o077);
  try {
    await serve(fileArgument(argv));
  } catch (error) {
    process.exit(report(error));
  }
}

function fileArgument(argv: readonly string[]): string | undefined {
  try {
    return parseArgs({ args: [...argv], options: { config: { type: 'string' } }, allowPositionals: false }).values.config;
  } catch (error) {
    throw new StartFailure(startExit.usage, `${(error as Error).message.split('.')[0]}; usage: server.js [--config FILE]`);
  }
}

async function serve(file: string | undefined): Promise<void> {
  let loaded = loadConfig({ file });
  const { config } = loaded;
  if (config.workers === 1) refit();
  const log = createLog(config['log.level']);
  checkedBy(log, loaded);
  const { tls, bound } = prepare(loaded, log);
  const accounts = await prepareDirectory(loaded, (password) => hashPassword(password, config['auth.default_pass_scheme']));
  replayJournals(journalDir(config), config.workers, log);
  // On stderr: the log must never hold a password.
  for (const line of accounts) process.stderr.write(`demo account ${line}\n`);
  const ticketKeys = randomBytes(48);

  collectWhenIdle();
  const stop = signals(log);
  const running: Running =
    config.workers === 1
      ? await (async () => {
          const bus = createBus();
          const listeners = bound.map(({ sockets, ...info }) => ({ ...info, socket: sockets[0]! }));
          // The primary of several does without all that serves.
          const { startInstance } = await import('./instance.ts');
          const instance = await startInstance({
            config,
            tls,
            ticketKeys,
            listeners,
            bus,
            log,
            worker: 1,
            samples: async () => sampleMetrics(),
          });
          return { reload: (next: Loaded) => instance.reload(next.config, readTls(next)), stop: (ms: number) => instance.stop(ms) };
        })()
      : await (async () => {
          const supervisor = await supervise({ config, tls, ticketKeys, bound, log });
          return {
            reload: (next: Loaded) => supervisor.reload(next.config, readTls(next)),
            stop: (ms: number) => supervisor.stop(ms),
          };
        })();

  log.info({ listeners: bound.map(({ name, host, port }) => ({ name, host, port })), pid: process.pid, workers: config.workers }, 'ready');
  log.flush();
  void notifyManager('READY=1', `STATUS=${bound.length} listeners, ${config.workers} workers`);

  process.on('SIGHUP', () => {
    try {
      const next = loadConfig({ file: loaded.file ?? file });
      checkedBy(log, next);
      running.reload(next);
      log.setLevel(next.config['log.level']);
      const late = changed(loaded, next).filter((name) => !followsReload(name));
      loaded = next;
      log.info({ file: loaded.file, ...(late.length > 0 ? { needs_restart: late } : {}) }, 'reloaded');
    } catch (error) {
      log.error(
        { reason: error instanceof Error ? error.message : String(error) },
        'reload refused, the former configuration stays in force',
      );
    }
  });

  const signal = await stop;
  log.info({ signal }, 'stopping');
  void notifyManager('STOPPING=1');
  const late = setTimeout(() => process.exit(0), grace + 2000);
  await running.stop(grace);
  clearTimeout(late);
  closeListeners(bound);
  log.info({}, 'stopped');
  process.exit(0);
}

const changed = (a: Loaded, b: Loaded): SettingName[] =>
  settingNames.filter((name) => JSON.stringify(a.config[name]) !== JSON.stringify(b.config[name]));

/** Resolves at the first SIGTERM or SIGINT; also one that comes while starting counts. */
function signals(log: ServerLog): Promise<NodeJS.Signals> {
  process.on('uncaughtException', (error) => {
    log.error({ error }, 'uncaught exception');
    process.exit(70);
  });
  return new Promise((resolve) => {
    process.on('SIGTERM', () => resolve('SIGTERM'));
    process.on('SIGINT', () => resolve('SIGINT'));
    // `npm start` that is killed outright leaves nobody who would stop us.
    const parent = process.ppid;
    if (process.env.npm_lifecycle_event !== undefined) {
      setInterval(() => {
        if (process.ppid !== parent) resolve('SIGTERM');
      }, 1000).unref();
    }
  });
}

/** One line on stderr for each problem. @returns the exit code */
function report(error: unknown): number {
  const say = (line: string): void => void process.stderr.write(`postcote: ${line}\n`);
  if (error instanceof ConfigError) {
    for (const line of error.lines) say(line);
    return startExit.configuration;
  }
  if (error instanceof StartFailure) {
    say(error.message);
    return error.code;
  }
  if (error instanceof Fault) {
    say(error.detail === '' ? error.kind : error.detail);
    return startExit.unavailable;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 70;
}
