import { type DestinationStream, pino } from 'pino';
import type { Log } from '../base/log.ts';
import { gatheredLines, type LogLines } from './log-lines.ts';

/** Where the lines go and from what level on. */
export interface ServerLog extends Log {
  setLevel(level: string): void;
  /** Writes what waits: lines of info wait a moment for others, those of trouble do not. */
  flush(): void;
}

/** pino's JSON on stdout, one event a line: `level, time, msg` and the event's fields. */
export function createLog(level: string, destination: DestinationStream & Partial<LogLines> = standardOutput()): ServerLog {
  const logger = pino({ level, base: null, errorKey: 'error', serializers: { error: errorFields } }, destination);
  const flush = (): void => destination.flush?.();
  const wrap = (own: pino.Logger): Log => ({
    debug: (fields, msg) => own.debug(fields, msg),
    info: (fields, msg) => own.info(fields, msg),
    warn(fields, msg) {
      own.warn(fields, msg);
      flush();
    },
    error(fields, msg) {
      own.error(fields, msg);
      flush();
    },
    child: (fields) => wrap(own.child(fields)),
  });
  return {
    ...wrap(logger),
    flush,
    setLevel(to) {
      logger.level = to;
    },
  };
}

let output: LogLines | null = null;

/** A reader that goes away, or a full disk behind a redirection, costs log lines, not the server. */
function standardOutput(): LogLines {
  if (output !== null) return output;
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on('error', () => {});
  output = gatheredLines((text) => void destination.write(text));
  const lines = output;
  process.on('exit', () => lines.flush());
  return lines;
}

function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: errorFields(error.cause) }),
  };
}
