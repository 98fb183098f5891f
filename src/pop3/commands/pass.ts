import type { Pop3Command } from '../command.ts';
import { Refusal } from '../faults.ts';

/** The password, spaces and all. RFC 1939 7 */
export const pass: Pop3Command = {
  name: 'PASS',
  states: ['authorization'],

  async run(argument, session) {
    session.requirePlaintext();
    const name = session.userName;
    if (name === null) throw new Refusal('badSequence', (texts) => texts.noUserGiven);
    // A name counts for one PASS. RFC 1939 7
    session.userName = null;
    await session.login('USER', () => session.authenticator.login(name, argument, session.authContext));
  },
};
