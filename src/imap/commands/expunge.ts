import { Fault } from '../../mail/fault.ts';
import { command, noArguments } from '../command.ts';
import { sequenceSet } from '../grammar/sequence-set.ts';
import type { Session } from '../session.ts';

async function run(session: Session, uids: ArrayLike<number> | undefined): Promise<string> {
  const { mail, view } = session.selected;
  if (view.readOnly) throw new Fault('noPermission', 'Mailbox is read-only');
  const before = view.count;
  await mail.expunge(view.mailbox.id, uids, false);
  // With QRESYNC the client keeps HIGHESTMODSEQ by what it is told here. RFC 7162 3.2.8
  if (session.enabled.has('CONDSTORE') && before > 0) {
    const modSeq = mail.status(view.mailbox.id).highestModSeq;
    if (modSeq !== view.modSeq) return `[HIGHESTMODSEQ ${modSeq}] Expunge completed.`;
  }
  return 'Expunge completed.';
}

/** Removes what is \Deleted. RFC 9051 6.4.3 */
export const expunge = command({
  name: 'EXPUNGE',
  states: ['selected'],
  parse: noArguments,
  run: (_, session) => run(session, undefined),
});

/** The same, only of the messages named. RFC 4315 2.1 */
export const uidExpunge = command({
  name: 'UID EXPUNGE',
  capabilities: ['UIDPLUS'],
  states: ['selected'],

  parse(line) {
    line.space();
    const set = sequenceSet(line);
    line.end();
    return set;
  },

  run(set, session) {
    const { view } = session.selected;
    return run(session, view.uidsOf(view.places(set, true)));
  },
});
