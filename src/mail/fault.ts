/** What can be expected to go wrong, in words of mail. Each protocol has one table from kind to reply, held complete by TypeScript. */
export type FaultKind =
  | 'syntax'
  | 'unknownCommand'
  | 'badSequence'
  | 'tlsRequired'
  | 'authRequired'
  | 'badCredentials'
  | 'throttled'
  | 'accountDisabled'
  | 'relayDenied'
  | 'senderDenied'
  | 'policy'
  | 'noSuchDomain'
  | 'noSuchUser'
  | 'noSuchMailbox'
  | 'mailboxExists'
  | 'badName'
  | 'noPermission'
  | 'overQuota'
  | 'tooBig'
  | 'tooMany'
  | 'inUse'
  | 'storageFull'
  | 'unsupported'
  | 'badCharset'
  | 'expunged'
  | 'unavailable'
  | 'timedOut'
  | 'internal';

/** An expected failure. `detail` is logged; a protocol may show it only where its table says so. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly detail: string;

  constructor(kind: FaultKind, detail = '', options?: ErrorOptions) {
    super(detail === '' ? kind : `${kind}: ${detail}`, options);
    this.name = 'Fault';
    this.kind = kind;
    this.detail = detail;
  }
}
