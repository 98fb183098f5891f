import { Fault, type FaultKind } from '../mail/fault.ts';

export interface TaggedFailure {
  readonly status: 'NO' | 'BAD';
  /** Response code with its brackets' content. RFC 5530, RFC 9051 7.1 */
  readonly code: string | null;
  readonly text: string;
  /** The fault's detail says what the client did wrong and may be shown. */
  readonly showDetail?: true;
}

export const imapFailures: Readonly<Record<FaultKind, TaggedFailure>> = {
  syntax: { status: 'BAD', code: null, text: 'Syntax error', showDetail: true },
  unknownCommand: { status: 'BAD', code: null, text: 'Unknown command' },
  badSequence: { status: 'BAD', code: null, text: 'Command not valid in this state', showDetail: true },
  tlsRequired: { status: 'NO', code: 'PRIVACYREQUIRED', text: 'Authentication needs TLS; use STARTTLS first' },
  authRequired: { status: 'NO', code: 'AUTHORIZATIONFAILED', text: 'Authentication required' },
  badCredentials: { status: 'NO', code: 'AUTHENTICATIONFAILED', text: 'Authentication failed.' },
  throttled: { status: 'NO', code: 'UNAVAILABLE', text: 'Too many failed logins; try again later' },
  accountDisabled: { status: 'NO', code: 'AUTHENTICATIONFAILED', text: 'Authentication failed.' },
  relayDenied: { status: 'NO', code: 'NOPERM', text: 'Not permitted' },
  senderDenied: { status: 'NO', code: 'NOPERM', text: 'Not permitted' },
  policy: { status: 'NO', code: 'NOPERM', text: 'Not permitted' },
  noSuchDomain: { status: 'NO', code: 'NONEXISTENT', text: 'No such domain' },
  noSuchUser: { status: 'NO', code: 'NONEXISTENT', text: 'No such user' },
  noSuchMailbox: { status: 'NO', code: 'NONEXISTENT', text: "Mailbox doesn't exist" },
  mailboxExists: { status: 'NO', code: 'ALREADYEXISTS', text: 'Mailbox already exists' },
  badName: { status: 'NO', code: 'CANNOT', text: 'Invalid mailbox name', showDetail: true },
  noPermission: { status: 'NO', code: 'NOPERM', text: 'Permission denied', showDetail: true },
  overQuota: { status: 'NO', code: 'OVERQUOTA', text: 'Quota exceeded (mailbox for user is full)' },
  tooBig: { status: 'NO', code: 'TOOBIG', text: 'Too big' },
  tooMany: { status: 'NO', code: 'LIMIT', text: 'Too many', showDetail: true },
  inUse: { status: 'NO', code: 'INUSE', text: 'Mailbox is in use' },
  storageFull: { status: 'NO', code: 'UNAVAILABLE', text: 'No space left for this now; try again later' },
  unsupported: { status: 'NO', code: 'CANNOT', text: 'Not supported', showDetail: true },
  badCharset: { status: 'NO', code: 'BADCHARSET (US-ASCII UTF-8)', text: 'Unknown charset' },
  expunged: { status: 'NO', code: 'EXPUNGEISSUED', text: 'Some of the messages no longer exist' },
  unavailable: { status: 'NO', code: 'UNAVAILABLE', text: 'Temporarily unavailable; try again later' },
  timedOut: { status: 'NO', code: 'UNAVAILABLE', text: 'Timed out' },
  internal: { status: 'NO', code: 'SERVERBUG', text: 'Internal error occurred' },
};

/** A fault whose response code says more than its kind does. */
export class CodedFault extends Fault {
  readonly code: string;

  constructor(kind: FaultKind, code: string, detail = '') {
    super(kind, detail);
    this.code = code;
  }
}
