import { command, noArguments } from '../command.ts';

/** Expunges without telling, then leaves the mailbox. RFC 9051 6.4.1 */
export const close = command({
  name: 'CLOSE',
  states: ['selected'],
  updates: 'none',
  parse: noArguments,

  async run(_, session) {
    const { mail, view } = session.selected;
    // RFC 4314 4: without the right, as UNSELECT.
    const mayExpunge = !view.readOnly && mail.rights(view.mailbox.id).includes('e');
    const gone = !mayExpunge ? [] : await mail.expunge(view.mailbox.id, undefined, false);
    session.unselect();
    // RFC 7162 3.2.8
    if (gone.length > 0 && session.enabled.has('CONDSTORE'))
      return `[HIGHESTMODSEQ ${mail.status(view.mailbox.id).highestModSeq}] Close completed.`;
    return 'Close completed.';
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
