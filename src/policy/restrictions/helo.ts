import { addressLiteral, isFullyQualified, isValidHeloName } from '../../smtp/grammar/domain.ts';
import { refusal } from '../refusal.ts';
import type { Restriction } from '../restriction.ts';

export const rejectInvalidHeloHostname: Restriction = {
  name: 'reject_invalid_helo_hostname',
  formerly: ['reject_invalid_hostname'],
  check: (subject) => (subject.helo === '' || isValidHeloName(subject.helo) ? null : refusal(501, '5.2', 'helo', subject, 'Invalid name')),
};

export const rejectNonFqdnHeloHostname: Restriction = {
  name: 'reject_non_fqdn_helo_hostname',
  formerly: ['reject_non_fqdn_hostname'],
  check: (subject) =>
    subject.helo === '' || addressLiteral(subject.helo) !== null || isFullyQualified(subject.helo.replace(/\.$/, ''))
      ? null
      : refusal(504, '5.2', 'helo', subject, 'need fully-qualified hostname'),
};

export const rejectUnknownHeloHostname: Restriction = {
  name: 'reject_unknown_helo_hostname',
  formerly: ['reject_unknown_hostname'],
  needsDns: true,
  async check(subject, _at, { dns }) {
    if (subject.helo === '' || addressLiteral(subject.helo) !== null) return null;
    const name = subject.helo.replace(/\.$/, '');
    const answers = await Promise.all([dns!.a(name), dns!.aaaa(name), dns!.mx(name)]);
    return answers.some(({ records }) => records.length > 0) ? null : refusal(450, '7.1', 'helo', subject, 'Host not found');
  },
};
