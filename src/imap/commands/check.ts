import { command, noArguments } from '../command.ts';

/** As NOOP: nothing waits to be written here. RFC 3501 6.4.1 */
export const check = command({
  name: 'CHECK',
  states: ['selected'],
  parse: noArguments,

  async run(_, session) {
    const { mail, view } = session.selected;
    await mail.refresh(view.mailbox.id);
  },
});
