import { transactionCommand } from '../command.ts';
import { number, words } from '../grammar/command-line.ts';

/** Octets of one message or of all. RFC 1939 5 */
export const list = transactionCommand('LIST', (argument, session, maildrop) => {
  const [word] = words(argument);
  if (word !== undefined) {
    const message = maildrop.check(number(word));
    session.ok(`${message} ${maildrop.size(message)}`);
    return;
  }
  session.ok(session.texts.listing(maildrop.left));
  session.listMessages((message) => maildrop.size(message));
});
