import type { Pop3Command } from '../command.ts';
import { Refusal } from '../faults.ts';

/** Names the account; PASS follows. RFC 1939 7 */
export const user: Pop3Command = {
  name: 'USER',
  states: ['authorization'],

  capability: (session) => (session.allowsPlaintext ? 'USER' : null),

  run(argument, session) {
    session.requirePlaintext();
    const name = argument.trim();
    if (name === '') throw new Refusal('syntax', (texts) => texts.noUserGiven);
    session.userName = name;
    session.ok();
  },
};
