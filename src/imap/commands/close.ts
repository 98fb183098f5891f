import { command, noArguments } from '../command.ts';

/** Expunges without telling, then leaves the mailbox. RFC 9051 6.4.1 */
export const close = command({
  name: 'CLOSE',
  states: ['selected'],
  updates: 'none',
  parse: noArguments,

  async run(_, session) {
    const { mail, view } = session.selected;
    if (!view.readOnly) await mail.expunge(view.mailbox.id, undefined, false);
    session.unselect();
  },
});

/** Leaves the mailbox as it is. RFC 9051 6.4.2 */
export const unselect = command({
  name: 'UNSELECT',
  capabilities: ['UNSELECT'],
  states: ['selected'],
  updates: 'none',
  parse: noArguments,

  run(_, session) {
    session.unselect();
  },
});
