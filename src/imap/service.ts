import type { Connection } from '../net/connection.ts';
import { type ImapDeps, Session } from './session.ts';
import type { ImapSettings } from './settings.ts';

export interface ImapService {
  /** Serves one client until it leaves. */
  handle(connection: Connection): Promise<void>;
  /** Says goodbye to everyone; those who do not leave by `deadlineMs` are cut off. */
  close(deadlineMs: number): Promise<void>;
  readonly sessions: number;
}

export function imapService(settings: ImapSettings, deps: ImapDeps): ImapService {
  const open = new Map<Session, Promise<void>>();
  let closing = false;
  return {
    get sessions() {
      return open.size;
    },

    async handle(connection) {
      if (closing) {
        connection.destroy();
        return;
      }
      const session = new Session(connection, settings, deps);
      const done = session.run();
      open.set(session, done);
      try {
        await done;
      } finally {
        open.delete(session);
      }
    },

    async close(deadlineMs) {
      closing = true;
      for (const session of open.keys()) session.stop();
      const late = setTimeout(() => {
        for (const session of open.keys()) session.connection.destroy();
      }, deadlineMs);
      await Promise.allSettled(open.values());
      clearTimeout(late);
    },
  };
}
