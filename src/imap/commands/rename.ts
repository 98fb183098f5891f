import { command } from '../command.ts';
import { mailbox } from '../grammar/mailbox.ts';

/** RFC 9051 6.3.6 */
export const rename = command({
  name: 'RENAME',
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const from = mailbox(line);
    line.space();
    const to = mailbox(line);
    line.end();
    return { from, to };
  },

  async run({ from, to }, session) {
    await session.mail!.rename(session.fromWire(from), session.newName(to));
  },
});
