import type { Reply } from '../../mail/reply.ts';
import { isFullyQualified } from '../../smtp/grammar/domain.ts';
import { isRouted } from '../../smtp/grammar/path.ts';
import { refusal, shown } from '../refusal.ts';
import type { Restriction } from '../restriction.ts';
import type { Subject } from '../subject.ts';
import { domainVerdict } from './domain-exists.ts';

/** Mail for a domain of ours without a route hidden in the local part. */
export function isOurs({ forwardPath, expansion }: Subject): boolean {
  return expansion !== null && forwardPath !== null && !isRouted(forwardPath.localPart);
}

export function relayDenied({ forwardPath }: Subject): Reply {
  return { code: 554, detail: '7.1', text: `<${shown(forwardPath)}>: Relay access denied` };
}

export const rejectUnauthDestination: Restriction = {
  name: 'reject_unauth_destination',
  formerly: ['check_relay_domains'],
  check: (subject) => (isOurs(subject) ? null : relayDenied(subject)),
};

export const deferUnauthDestination: Restriction = {
  name: 'defer_unauth_destination',
  check: (subject) => (isOurs(subject) ? null : { ...relayDenied(subject), code: 454 }),
};

export const permitAuthDestination: Restriction = {
  name: 'permit_auth_destination',
  check: (subject) => (isOurs(subject) ? 'permit' : null),
};

export const rejectNonFqdnRecipient: Restriction = {
  name: 'reject_non_fqdn_recipient',
  check: (subject) =>
    subject.forwardPath === null || subject.forwardPath.domain.startsWith('[') || isFullyQualified(subject.forwardPath.domain)
      ? null
      : refusal(504, '5.2', 'recipient', subject, 'need fully-qualified address'),
};

/** Also asked after the list, whatever it says: see `policy.ts`. */
export const rejectUnlistedRecipient: Restriction = {
  name: 'reject_unlisted_recipient',
  formerly: ['check_recipient_maps'],
  check: (subject) => unlisted(subject),
};

export function unlisted(subject: Subject): Reply | null {
  switch (subject.expansion?.failure) {
    case undefined:
    case null:
      return null;
    case 'noSuchDomain':
    case 'noSuchUser':
      return refusal(550, '1.1', 'recipient', subject, 'User unknown in virtual mailbox table');
    case 'accountDisabled':
      return refusal(550, '2.1', 'recipient', subject, 'Mailbox disabled, not accepting messages');
    case 'loop':
      return refusal(550, '4.6', 'recipient', subject, 'Alias loop');
  }
}

export const rejectUnknownRecipientDomain: Restriction = {
  name: 'reject_unknown_recipient_domain',
  needsDns: true,
  check: (subject, _at, deps) => domainVerdict(subject.forwardPath, 'recipient', '1.2', subject, deps),
};

/** A bounce goes to one. RFC 5321 4.5.5 leaves it open; Postfix has the word. */
export const rejectMultiRecipientBounce: Restriction = {
  name: 'reject_multi_recipient_bounce',
  check: (subject) =>
    subject.reversePath === null && subject.recipients > 1 ? refusal(550, '5.3', 'recipient', subject, 'Multi-recipient bounce') : null,
};
