import type { Account } from '../../directory/directory.ts';
import type { SmtpCommand } from '../command.ts';

/** A proxy of ours says who the client is. Postfix's XCLIENT_README; the package reads it. */
export const xclient: SmtpCommand = {
  verb: 'XCLIENT',
  async run(argument, session) {
    if (!session.maySpeakForOthers) return { code: 550, detail: '7.0', text: 'Error: insufficient authorization' };
    if (session.transaction !== null) return { code: 503, detail: '5.1', text: 'Error: MAIL transaction in progress' };
    session._resetSession();
    await new Promise<void>((resolve) => session.handler_XCLIENT(Buffer.from(`XCLIENT ${argument}`), resolve));
    session.authenticated((session.session.user as Account | false | undefined) || null);
    session.forwarded();
    return null;
  },
};
