import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { statusItems } from '../grammar/status.ts';
import { statusResponse } from '../status-response.ts';

/** RFC 9051 6.3.11 */
export const status = command({
  name: 'STATUS',
  capabilities: ['STATUS=SIZE'],
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const name = mailbox(line);
    line.space();
    const items = statusItems(line);
    line.end();
    return { name, items };
  },

  async run({ name, items }, session) {
    const mail = session.mail!;
    const found = mail.find(session.fromWire(name));
    if (found === null || !found.selectable) throw new Fault('noSuchMailbox', name);
    await mail.refresh(found.id);
    session.out.untagged(statusResponse(session, found, items));
  },
});
