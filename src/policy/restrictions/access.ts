import { type Address, formatAddress } from '../../mail/address.ts';
import type { Reply } from '../../mail/reply.ts';
import { refusal } from '../refusal.ts';
import type { Restriction, Verdict, Where } from '../restriction.ts';
import type { Stage, Subject } from '../subject.ts';

/** `mail.example.com`, `example.com`, `com`. */
function domainKeys(domain: string): string[] {
  if (domain.startsWith('[')) return [domain];
  const labels = domain.split('.');
  return labels.map((_, i) => labels.slice(i).join('.'));
}

/** `a@b.c`, `b.c`, `c`, `a@`. */
function addressKeys(address: Address | null): string[] {
  if (address === null) return ['<>'];
  return [formatAddress(address), ...domainKeys(address.domain), `${address.localPart}@`];
}

/** `192.0.2.1`, `192.0.2`, `192.0`, `192`; IPv6 by colons. */
function networkKeys(address: string): string[] {
  const mark = address.includes(':') ? ':' : '.';
  const parts = address.split(mark);
  return parts.map((_, i) => parts.slice(0, parts.length - i).join(mark));
}

/** access(5): OK, REJECT, DEFER, DUNNO, DEFER_IF_PERMIT, 4xx and 5xx with text, which may begin with an enhanced status code. */
export function accessAction(action: string, about: Stage, subject: Subject): Verdict {
  const [, word = '', text = ''] = /^(\S+)\s*(.*)$/s.exec(action) ?? [];
  const [, detail = '7.1', own = ''] = /^(?:[45]\.(\d{1,3}\.\d{1,3})(?:\s+|$))?(.*)$/s.exec(text) ?? [];
  const refused = (code: number, otherwise: string): Reply => refusal(code, detail, about, subject, own || otherwise);
  if (/^\d+$/.test(word)) return /^[45]\d\d$/.test(word) ? refused(Number(word), 'Access denied') : 'permit';
  switch (word.toUpperCase()) {
    case 'OK':
    case 'PERMIT':
      return 'permit';
    case 'REJECT':
      return refused(554, 'Access denied');
    case 'DEFER':
      return refused(450, 'Try again later');
    case 'DEFER_IF_PERMIT':
      return { deferIfPermit: refused(450, 'defer_if_permit requested') };
    default:
      return null;
  }
}

export const knownActions = /^(?:\d+|OK|PERMIT|REJECT|DEFER|DUNNO|DEFER_IF_PERMIT)(?:\s|$)/i;

function find(keys: readonly string[], about: Stage, subject: Subject, { table }: Where): Verdict {
  for (const key of keys) {
    const action = key === '' ? null : table!.lookup(key);
    if (action !== null) return accessAction(action, about, subject);
  }
  return null;
}

export const checkClientAccess: Restriction = {
  name: 'check_client_access',
  argument: 'table',
  check(subject, at) {
    const byNetwork = at.table!.lookupAddress(subject.remoteAddress);
    if (byNetwork !== null) return accessAction(byNetwork, 'client', subject);
    const names = subject.remoteName === 'unknown' ? ['unknown'] : domainKeys(subject.remoteName);
    return find([...names, ...networkKeys(subject.remoteAddress)], 'client', subject, at);
  },
};

export const checkHeloAccess: Restriction = {
  name: 'check_helo_access',
  argument: 'table',
  check: (subject, at) => find(domainKeys(subject.helo), 'helo', subject, at),
};

export const checkSenderAccess: Restriction = {
  name: 'check_sender_access',
  argument: 'table',
  check: (subject, at) => find(addressKeys(subject.reversePath), 'sender', subject, at),
};

export const checkRecipientAccess: Restriction = {
  name: 'check_recipient_access',
  argument: 'table',
  check: (subject, at) => (subject.forwardPath === null ? null : find(addressKeys(subject.forwardPath), 'recipient', subject, at)),
};
