import type { Address } from '../mail/address.ts';
import type { DsnNotify } from '../mail/envelope.ts';
import type { Notice } from './tables/recipient.ts';

/**
 * Whether the sender hears of an event at a recipient. Never about mail with a null sender. RFC 3461 5.2, RFC 5321 6.1
 * Without NOTIFY failures and delays are told. RFC 3461 4.1
 */
export function noticeFor(reversePath: Address | null, notify: DsnNotify | undefined, event: Notice): Notice | null {
  if (reversePath === null || notify === 'never') return null;
  const wanted = notify ?? ['failure', 'delay'];
  const asked = event === 'failed' ? 'failure' : event === 'delayed' ? 'delay' : 'success';
  return wanted.includes(asked) ? event : null;
}
