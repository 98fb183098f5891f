import { transactionCommand } from '../command.ts';

/** Unmarks all. RFC 1939 5 */
export const rset = transactionCommand('RSET', (_, session, maildrop) => {
  maildrop.reset();
  session.ok();
});
