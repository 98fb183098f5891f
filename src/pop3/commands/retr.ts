import { transactionCommand } from '../command.ts';
import { number, words } from '../grammar/command-line.ts';

/** The whole message. RFC 1939 5 */
export const retr = transactionCommand('RETR', async (argument, session, maildrop) => {
  const message = maildrop.check(number(words(argument)[0]));
  const sending = session.sendMessage(message, session.texts.octets(maildrop.size(message)));
  if (sending !== undefined) await sending;
  if (session.marksSeen) maildrop.markSeen(message);
});
