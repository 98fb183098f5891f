import { setTimeout as wait } from 'node:timers/promises';
import { CommandWatch } from '../net/command-watch.ts';
import type { Connection } from '../net/connection.ts';
import { Listings } from './listing.ts';
import { Session, type SessionDeps } from './session.ts';
import type { Pop3Settings } from './settings.ts';
import { defaultTexts } from './texts/index.ts';
import { uidlFormatOf } from './uidl.ts';

export type Pop3Deps = Omit<SessionDeps, 'listings' | 'watch'>;

export interface Pop3Service {
  /** Serves a client to its end. */
  handle(connection: Connection): Promise<void>;
  /** What a client beyond the connection limits is told. */
  refusal(): string;
  /** Sends idle sessions away, waits for the others' command to end, at most so long. */
  close(deadlineMs: number): Promise<void>;
  /** For sessions that start from now on. @throws RangeError */
  reload(settings: Pop3Settings): void;
  readonly sessions: number;
}

/** @throws RangeError for a bad `uidlFormat` */
export function pop3Service(settings: Pop3Settings, deps: Pop3Deps): Pop3Service {
  const listings = new Listings();
  const watch = new CommandWatch('pop3');
  const running = new Map<Session, Promise<void>>();
  let inForce = settings;
  let uidlFormat = uidlFormatOf(settings.uidlFormat);
  let closed = false;
  return {
    async handle(connection) {
      const session = new Session(connection, inForce, uidlFormat, { ...deps, listings, watch });
      const done = session.run();
      running.set(session, done);
      if (closed) session.close();
      await done;
      running.delete(session);
    },
    refusal: () => `-ERR [SYS/TEMP] ${defaultTexts.tooManyConnections}\r\n`,
    async close(deadlineMs) {
      closed = true;
      for (const session of running.keys()) session.close();
      const late = new AbortController();
      await Promise.race([Promise.all(running.values()), wait(deadlineMs, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
      for (const session of running.keys()) session.connection.destroy();
      await Promise.all(running.values());
    },
    reload(next) {
      uidlFormat = uidlFormatOf(next.uidlFormat);
      inForce = next;
    },
    get sessions() {
      return running.size;
    },
  };
}
