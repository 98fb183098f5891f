import { Fault } from '../../mail/fault.ts';
import { alreadyAnswered, command, noArguments } from '../command.ts';

/** Goes on under TLS. What came in the clear is forgotten. RFC 9051 6.2.1 */
export const starttls = command({
  name: 'STARTTLS',
  states: ['notAuthenticated'],
  updates: 'none',
  parse: noArguments,

  async run(_, session) {
    const { connection } = session;
    if (connection.secure) throw new Fault('badSequence', 'TLS is already active.');
    if (!connection.canStartTls) throw new Fault('badSequence', 'TLS is not available.');
    session.out.flush();
    await connection.startTls(`${session.tag} OK Begin TLS negotiation now.\r\n`);
    session.forget();
    return alreadyAnswered;
  },
});
