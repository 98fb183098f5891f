import { transactionCommand } from '../command.ts';

/** Messages and octets, without those marked as deleted. RFC 1939 5 */
export const stat = transactionCommand('STAT', (_, session, maildrop) => {
  session.ok(`${maildrop.left} ${maildrop.octets}`);
});
