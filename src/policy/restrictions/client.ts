import { refusal } from '../refusal.ts';
import type { Restriction } from '../restriction.ts';

export const permitMynetworks: Restriction = {
  name: 'permit_mynetworks',
  check: (subject) => (subject.trusted ? 'permit' : null),
};

export const permitSaslAuthenticated: Restriction = {
  name: 'permit_sasl_authenticated',
  check: (subject) => (subject.login === null ? null : 'permit'),
};

export const rejectUnknownClientHostname: Restriction = {
  name: 'reject_unknown_client_hostname',
  formerly: ['reject_unknown_client'],
  needsDns: true,
  check: (subject) =>
    subject.remoteName === 'unknown'
      ? { code: 450, detail: '7.25', text: `Client host rejected: cannot find your hostname, [${subject.remoteAddress}]` }
      : null,
};

export const rejectUnknownReverseClientHostname: Restriction = {
  name: 'reject_unknown_reverse_client_hostname',
  needsDns: true,
  check: (subject) =>
    subject.reverseName === null
      ? { code: 450, detail: '7.25', text: `Client host rejected: cannot find your reverse hostname, [${subject.remoteAddress}]` }
      : null,
};

export const rejectPlaintextSession: Restriction = {
  name: 'reject_plaintext_session',
  check: (subject) => (subject.secure ? null : refusal(450, '7.1', 'client', subject, 'Session encryption is required')),
};
