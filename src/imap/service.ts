import { CommandWatch } from '../net/command-watch.ts';
import type { Connection } from '../net/connection.ts';
import { OpenSessions } from '../net/open-sessions.ts';
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
  const open = new OpenSessions();
  const watching = { watch: new CommandWatch('imap'), ...deps };
  return {
    get sessions() {
      return open.size;
    },
    handle: (connection) => open.serve(connection, () => new Session(connection, settings, watching)),
    close: (deadlineMs) => open.close(deadlineMs),
  };
}
