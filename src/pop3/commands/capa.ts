import type { Pop3Command } from '../command.ts';

/** What can be had now. RFC 2449 5 */
export const capa: Pop3Command = {
  name: 'CAPA',
  states: ['authorization', 'transaction'],

  run(_, session) {
    session.ok();
    session.list(session.capabilities());
  },
};
