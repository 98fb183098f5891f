import type { Pop3Command } from '../command.ts';

/** Names, passwords and messages may be UTF-8. RFC 6856 2.1 */
export const utf8: Pop3Command = {
  name: 'UTF8',
  states: ['authorization'],

  capability: () => 'UTF8 USER',

  run(_, session) {
    session.utf8 = true;
    session.ok(session.texts.utf8);
  },
};
