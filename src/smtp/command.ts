import type { Reply } from '../mail/reply.ts';
import type { SmtpSession } from './session.ts';

/** One verb. */
export interface SmtpCommand {
  readonly verb: string;
  /** Does no work for mail: past a number of these without mail they count as mistakes. */
  readonly isJunk?: boolean;
  /** Needs HELO, EHLO or LHLO before. */
  readonly needsGreeting?: boolean;
  /** @returns null where it has replied itself @throws Fault */
  run(argument: string, session: SmtpSession): Reply | null | Promise<Reply | null>;
}

/** One EHLO keyword, given only where it holds. RFC 5321 4.1.1.1 */
export interface SmtpExtension {
  /** @returns the line, null where it is not offered now */
  readonly keyword: (session: SmtpSession) => string | null;
}
