import type { Reply } from '../../mail/reply.ts';
import type { SmtpCommand } from '../command.ts';
import { extensions } from '../extensions.ts';
import { isHeloName } from '../grammar/domain.ts';
import type { SmtpSession } from '../session.ts';

function greeted(verb: string, argument: string, session: SmtpSession): Reply | null {
  if (!session.role.greetings.includes(verb)) {
    return { code: 500, detail: '5.2', text: `Error: command not recognized; say ${session.role.greetings.join(' or ')}` };
  }
  // QUIRK: clients that send more than one word; the first one counts.
  const name = argument.split(/[ \t]/, 1)[0]!;
  if (!isHeloName(name)) return { code: 501, detail: '5.4', text: `Syntax: ${verb} hostname` };
  session.openingCommand = verb;
  session.hostNameAppearsAs = name;
  // As RSET. RFC 5321 4.1.4
  session.dropTransaction();
  return null;
}

/** RFC 5321 4.1.1.1 */
export const helo: SmtpCommand = {
  verb: 'HELO',
  run: (argument, session) => greeted('HELO', argument, session) ?? { code: 250, detail: '', text: session.settings.hostname },
};

function extended(verb: 'EHLO' | 'LHLO'): SmtpCommand {
  return {
    verb,
    run(argument, session) {
      const refused = greeted(verb, argument, session);
      if (refused !== null) return refused;
      const lines = extensions.map(({ keyword }) => keyword(session)).filter((line) => line !== null);
      return { code: 250, detail: '', text: [session.settings.hostname, ...lines] };
    },
  };
}

/** RFC 5321 4.1.1.1 */
export const ehlo = extended('EHLO');

/** RFC 2033 4.1 */
export const lhlo = extended('LHLO');
