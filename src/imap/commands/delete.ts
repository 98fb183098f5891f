import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';
import { mailboxOnly } from '../grammar/mailbox.ts';

/** RFC 9051 6.3.5 */
export const deleteMailbox = command({
  name: 'DELETE',
  states: ['authenticated', 'selected'],

  parse: mailboxOnly,

  async run(name, session) {
    const path = session.fromWire(name);
    if (path === 'INBOX') throw new Fault('noPermission', "INBOX can't be deleted");
    const found = session.mail!.find(path);
    if (found === null) throw new Fault('noSuchMailbox', name);
    await session.mail!.delete(path);
    if (session.view?.mailbox.id === found.id) {
      session.unselect();
      session.out.untagged('OK [CLOSED] Selected mailbox was deleted.');
    }
  },
});
