import { transactionCommand } from '../command.ts';
import { number, words } from '../grammar/command-line.ts';

/** Unique-id of one message or of all. RFC 1939 7 */
export const uidl = transactionCommand(
  'UIDL',
  async (argument, session, maildrop) => {
    const [word] = words(argument);
    const message = word === undefined ? null : maildrop.check(number(word));
    const ids = await maildrop.uidls(session.uidlFormat);
    if (message !== null) {
      session.ok(`${message} ${ids[message - 1]}`);
      return;
    }
    session.ok();
    session.listMessages((each) => ids[each - 1]!);
  },
  'UIDL',
);
