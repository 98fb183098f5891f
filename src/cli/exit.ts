import type { FaultKind } from '../mail/fault.ts';

/** sysexits.h, as CONTRACT and everyone's `mail` command know them. */
export const exitCodes = {
  ok: 0,
  no: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  noUser: 67,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  ioError: 74,
  tryAgain: 75,
  notPermitted: 77,
  configuration: 78,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with one line on stderr (none when `message` is empty). */
export class Exit extends Error {
  readonly code: ExitCode;

  constructor(code: ExitCode, message = '') {
    super(message);
    this.name = 'Exit';
    this.code = code;
  }
}

/** What a `Fault` that nobody caught means to a shell. */
export const exitOfFault = {
  syntax: 65,
  unknownCommand: 64,
  badSequence: 64,
  tlsRequired: 77,
  authRequired: 77,
  badCredentials: 77,
  throttled: 75,
  accountDisabled: 77,
  relayDenied: 77,
  senderDenied: 77,
  policy: 77,
  noSuchDomain: 67,
  noSuchUser: 67,
  noSuchMailbox: 65,
  mailboxExists: 73,
  badName: 65,
  noPermission: 77,
  overQuota: 73,
  tooBig: 65,
  tooMany: 75,
  inUse: 75,
  storageFull: 73,
  unsupported: 64,
  badCharset: 65,
  expunged: 65,
  unavailable: 75,
  timedOut: 75,
  internal: 70,
} as const satisfies Record<FaultKind, ExitCode>;
