import { command, noArguments } from '../command.ts';

/** Tells what is new. RFC 9051 6.1.2 */
export const noop = command({
  name: 'NOOP',
  states: ['notAuthenticated', 'authenticated', 'selected'],
  parse: noArguments,

  async run(_, { mail, view }) {
    if (view !== null) await mail!.refresh(view.mailbox.id);
  },
});
