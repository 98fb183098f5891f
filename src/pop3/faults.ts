import { Fault, type FaultKind } from '../mail/fault.ts';
import type { Texts } from './texts/index.ts';

/** RFC 2449 8, RFC 3206 4, RFC 6856 */
export type ResponseCode = 'AUTH' | 'IN-USE' | 'LOGIN-DELAY' | 'SYS/TEMP' | 'SYS/PERM' | 'UTF8' | null;

export interface Pop3Reply {
  readonly code: ResponseCode;
  readonly text: { readonly [Key in keyof Texts]: Texts[Key] extends string ? Key : never }[keyof Texts];
}

/** What `-ERR` says of each kind of failure. */
export const pop3Replies = {
  syntax: { code: null, text: 'syntax' },
  unknownCommand: { code: null, text: 'unknownCommand' },
  badSequence: { code: null, text: 'badSequence' },
  tlsRequired: { code: 'AUTH', text: 'cleartextDisallowed' },
  authRequired: { code: null, text: 'badSequence' },
  badCredentials: { code: 'AUTH', text: 'authFailed' },
  throttled: { code: 'SYS/TEMP', text: 'throttled' },
  // "an expired account" counts as a problem with the credentials. RFC 3206 5
  accountDisabled: { code: 'AUTH', text: 'accountDisabled' },
  relayDenied: { code: null, text: 'notPermitted' },
  senderDenied: { code: null, text: 'notPermitted' },
  policy: { code: null, text: 'notPermitted' },
  noSuchDomain: { code: 'AUTH', text: 'authFailed' },
  noSuchUser: { code: 'AUTH', text: 'authFailed' },
  noSuchMailbox: { code: 'SYS/TEMP', text: 'notAvailable' },
  mailboxExists: { code: 'SYS/TEMP', text: 'notAvailable' },
  badName: { code: null, text: 'syntax' },
  noPermission: { code: 'SYS/PERM', text: 'notPermitted' },
  overQuota: { code: 'SYS/TEMP', text: 'storageFull' },
  tooBig: { code: null, text: 'lineTooLong' },
  tooMany: { code: 'SYS/TEMP', text: 'tooMany' },
  inUse: { code: 'IN-USE', text: 'inUse' },
  storageFull: { code: 'SYS/TEMP', text: 'storageFull' },
  unsupported: { code: null, text: 'unsupported' },
  badCharset: { code: null, text: 'syntax' },
  expunged: { code: null, text: 'messageGone' },
  unavailable: { code: 'SYS/TEMP', text: 'tryLater' },
  timedOut: { code: null, text: 'idle' },
  internal: { code: 'SYS/TEMP', text: 'internal' },
} as const satisfies Record<FaultKind, Pop3Reply>;

/** A failure with words of its own instead of its kind's. */
export class Refusal extends Fault {
  readonly text: (texts: Texts) => string;

  constructor(kind: FaultKind, text: (texts: Texts) => string) {
    super(kind);
    this.text = text;
  }
}
