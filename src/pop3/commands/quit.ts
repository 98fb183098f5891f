import type { Pop3Command } from '../command.ts';

/** Removes what is marked, then says so. RFC 1939 5 and 6 */
export const quit: Pop3Command = {
  name: 'QUIT',
  states: ['authorization', 'transaction'],

  async run(_, session) {
    await session.quit();
  },
};
