import { transactionCommand } from '../command.ts';
import { number, words } from '../grammar/command-line.ts';

/** The header and the first lines of the body. RFC 1939 7 */
export const top = transactionCommand(
  'TOP',
  async (argument, session, maildrop) => {
    const [word, lines] = words(argument);
    const message = maildrop.check(number(word));
    await session.sendMessage(message, '', number(lines));
  },
  'TOP',
);
