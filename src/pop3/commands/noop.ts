import { transactionCommand } from '../command.ts';

/** RFC 1939 5 */
export const noop = transactionCommand('NOOP', (_, session) => {
  session.ok();
});
