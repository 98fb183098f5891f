import type { SMTPServer } from 'smtp-server';
import { Fault } from '../mail/fault.ts';
import type { Connection } from '../net/connection.ts';
import { networks } from '../net/networks.ts';
import { OpenSessions } from '../net/open-sessions.ts';
import { createPolicy } from '../policy/policy.ts';
import { Rates } from '../policy/rates.ts';
import { type RoleName, roles } from './roles.ts';
import { type SmtpDeps, SmtpSession, type SmtpShared } from './session.ts';
import type { SmtpSettings } from './settings.ts';

export interface SmtpService {
  /** Serves one client until it leaves. */
  handle(connection: Connection, role: RoleName): Promise<void>;
  /** Says 421 to everyone who is not in the middle of a message; those who do not leave by `deadlineMs` are cut off. */
  close(deadlineMs: number): Promise<void>;
  readonly sessions: number;
}

/** @throws Fault syntax where a restriction list cannot be read */
export function smtpService(settings: SmtpSettings, deps: SmtpDeps): SmtpService {
  const { clock, log, directory, dns } = deps;
  const policy = createPolicy(settings, { directory, dns, clock, log });
  const rates = new Rates(settings.rates, clock);
  const xclientHosts = networks(settings.xclientHosts);
  const shared = Object.fromEntries(
    Object.entries(roles).map(([name, role]) => [
      name,
      { policy, rates, xclientHosts, host: packageServer(settings, deps, role.protocol === 'LMTP') } satisfies SmtpShared,
    ]),
  ) as unknown as Record<RoleName, SmtpShared>;

  const open = new OpenSessions();
  return {
    get sessions() {
      return open.size;
    },
    handle: (connection, name) => open.serve(connection, () => new SmtpSession(connection, roles[name], settings, deps, shared[name])),
    close: (deadlineMs) => open.close(deadlineMs),
  };
}

/**
 * As much of the package's SMTPServer as an SMTPConnection looks at. A whole one would bring a listener, a second TLS set-up and a
 * certificate whose key is public.
 */
function packageServer({ hostname }: SmtpSettings, { directory }: SmtpDeps, lmtp: boolean): SMTPServer {
  const quiet = () => {};
  return {
    options: { name: hostname, lmtp, useXClient: true, hideENHANCEDSTATUSCODES: false, disabledCommands: [] },
    logger: { debug: quiet, info: quiet, error: quiet },
    connections: new Set(),
    /** XCLIENT LOGIN: the proxy has checked the password. */
    onAuth(
      { username }: { readonly username?: string },
      _session: unknown,
      callback: (error: Error | null, response?: { readonly user: unknown }) => void,
    ) {
      directory.account(username ?? '').then(
        (account) => callback(account === null || !account.enabled ? new Fault('badCredentials') : null, { user: account }),
        (error: unknown) => callback(error instanceof Error ? error : new Fault('unavailable')),
      );
    },
  } as unknown as SMTPServer;
}
