import { Fault, type FaultKind } from '../mail/fault.ts';
import type { Reply } from '../mail/reply.ts';

/** RFC 5321 4.2.3, RFC 3463 3, RFC 3207 4, RFC 4954 6. Words as Postfix has them. */
export const smtpReplies = {
  syntax: { code: 501, detail: '5.4', text: 'Syntax error in parameters' },
  unknownCommand: { code: 500, detail: '5.2', text: 'Error: command not recognized' },
  badSequence: { code: 503, detail: '5.1', text: 'Error: bad sequence of commands' },
  tlsRequired: { code: 530, detail: '7.0', text: 'Must issue a STARTTLS command first' },
  authRequired: { code: 530, detail: '7.0', text: 'Authentication required' },
  badCredentials: { code: 535, detail: '7.8', text: 'Error: authentication failed: authentication failure' },
  throttled: { code: 454, detail: '7.0', text: 'Temporary authentication failure: too many failures, try again later' },
  accountDisabled: { code: 550, detail: '2.1', text: 'Mailbox disabled, not accepting messages' },
  relayDenied: { code: 554, detail: '7.1', text: 'Relay access denied' },
  senderDenied: { code: 553, detail: '7.1', text: 'Sender address rejected: not owned by user' },
  policy: { code: 554, detail: '7.1', text: 'Access denied' },
  noSuchDomain: { code: 550, detail: '1.2', text: 'Domain not found' },
  noSuchUser: { code: 550, detail: '1.1', text: 'User unknown in virtual mailbox table' },
  noSuchMailbox: { code: 550, detail: '2.0', text: 'No such mailbox' },
  mailboxExists: { code: 550, detail: '2.0', text: 'Mailbox exists' },
  badName: { code: 550, detail: '1.1', text: 'Bad mailbox name' },
  noPermission: { code: 550, detail: '7.1', text: 'Not permitted' },
  overQuota: { code: 452, detail: '2.2', text: 'Mailbox full' },
  tooBig: { code: 552, detail: '3.4', text: 'Message size exceeds fixed limit' },
  tooMany: { code: 554, detail: '4.6', text: 'Error: too many hops' },
  inUse: { code: 450, detail: '2.0', text: 'Mailbox in use' },
  storageFull: { code: 452, detail: '3.1', text: 'Insufficient system storage' },
  unsupported: { code: 504, detail: '5.4', text: 'Command parameter not implemented' },
  badCharset: { code: 554, detail: '6.1', text: 'Charset not supported' },
  expunged: { code: 451, detail: '2.0', text: 'Message is gone' },
  unavailable: { code: 451, detail: '3.0', text: 'Temporary lookup error' },
  timedOut: { code: 421, detail: '4.2', text: 'Error: timeout exceeded' },
  internal: { code: 451, detail: '3.0', text: 'Local error in processing' },
} as const satisfies Record<FaultKind, Reply>;

/** What a client hears of `error`; null for a bug, which is logged and answered 451 4.3.0. */
export function faultReply(error: unknown): Reply | null {
  return error instanceof Fault ? smtpReplies[error.kind] : null;
}
