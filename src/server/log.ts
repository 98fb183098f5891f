import { type DestinationStream, pino } from 'pino';
import type { Log } from '../base/log.ts';

/** Where the lines go and from what level on. */
export interface ServerLog extends Log {
  setLevel(level: string): void;
  /** Waits for nothing: lines are written synchronously. */
  readonly destination: DestinationStream;
}

/** pino's JSON on stdout, one event a line: `level, time, msg` and the event's fields. Lines are written at once and whole, also when the process dies. */
export function createLog(level: string, destination: DestinationStream = standardOutput()): ServerLog {
  const logger = pino({ level, base: null, errorKey: 'error', serializers: { error: errorFields } }, destination);
  const wrap = (own: pino.Logger): Log => ({
    debug: (fields, msg) => own.debug(fields, msg),
    info: (fields, msg) => own.info(fields, msg),
    warn: (fields, msg) => own.warn(fields, msg),
    error: (fields, msg) => own.error(fields, msg),
    child: (fields) => wrap(own.child(fields)),
  });
  return {
    ...wrap(logger),
    destination,
    setLevel(to) {
      logger.level = to;
    },
  };
}

/** A reader that goes away, or a full disk behind a redirection, costs log lines, not the server. */
function standardOutput(): DestinationStream {
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on('error', () => {});
  return destination;
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
