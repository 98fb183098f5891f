import { transactionCommand } from '../command.ts';
import { number, words } from '../grammar/command-line.ts';

/** Marks for removal at QUIT. RFC 1939 5 */
export const dele = transactionCommand('DELE', (argument, session, maildrop) => {
  maildrop.delete(maildrop.check(number(words(argument)[0])));
  session.ok(session.texts.marked);
});
