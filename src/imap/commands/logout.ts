import { command, noArguments } from '../command.ts';

/** RFC 9051 6.1.3 */
export const logout = command({
  name: 'LOGOUT',
  states: ['notAuthenticated', 'authenticated', 'selected'],
  updates: 'none',
  parse: noArguments,

  run(_, session) {
    session.out.untagged('BYE Logging out');
    session.closing = true;
    session.ending = true;
  },
});
