import { isFullyQualified } from '../../smtp/grammar/domain.ts';
import { refusal, shown } from '../refusal.ts';
import type { PolicyDeps, Restriction, Verdict } from '../restriction.ts';
import type { Subject } from '../subject.ts';
import { domainVerdict } from './domain-exists.ts';

export const rejectNonFqdnSender: Restriction = {
  name: 'reject_non_fqdn_sender',
  check: (subject) =>
    subject.reversePath === null || subject.reversePath.domain.startsWith('[') || isFullyQualified(subject.reversePath.domain)
      ? null
      : refusal(504, '5.2', 'sender', subject, 'need fully-qualified address'),
};

export const rejectUnlistedSender: Restriction = {
  name: 'reject_unlisted_sender',
  async check(subject, _at, { directory }) {
    const path = subject.reversePath;
    if (path === null || (await directory.domain(path.domain)) === null) return null;
    const { failure } = await directory.expand(path);
    return failure === null ? null : refusal(550, '1.0', 'sender', subject, 'User unknown in virtual mailbox table');
  },
};

export const rejectUnknownSenderDomain: Restriction = {
  name: 'reject_unknown_sender_domain',
  needsDns: true,
  check: (subject, _at, deps) => domainVerdict(subject.reversePath, 'sender', '1.8', subject, deps),
};

async function mismatch(subject: Subject, { directory }: PolicyDeps): Promise<Verdict> {
  // A notification (RFC 3461, RFC 8098) has nobody to belong to.
  if (subject.reversePath === null || subject.login === null) return null;
  if (await directory.maySendAs(subject.login, subject.reversePath)) return null;
  const why = `Sender address rejected: not owned by user ${subject.login.address}`;
  return { code: 553, detail: '7.1', text: `<${shown(subject.reversePath)}>: ${why}` };
}

/** An address of ours without a login. */
async function notLoggedIn(subject: Subject, { directory }: PolicyDeps): Promise<Verdict> {
  if (subject.login !== null || subject.reversePath === null) return null;
  if ((await directory.domain(subject.reversePath.domain)) === null) return null;
  return { code: 553, detail: '7.1', text: `<${shown(subject.reversePath)}>: Sender address rejected: not logged in` };
}

export const rejectAuthenticatedSenderLoginMismatch: Restriction = {
  name: 'reject_authenticated_sender_login_mismatch',
  check: (subject, _at, deps) => mismatch(subject, deps),
};

export const rejectUnauthenticatedSenderLoginMismatch: Restriction = {
  name: 'reject_unauthenticated_sender_login_mismatch',
  check: (subject, _at, deps) => notLoggedIn(subject, deps),
};

export const rejectKnownSenderLoginMismatch: Restriction = {
  name: 'reject_known_sender_login_mismatch',
  async check(subject, _at, deps) {
    if (subject.reversePath === null || (await deps.directory.domain(subject.reversePath.domain)) === null) return null;
    return (await mismatch(subject, deps)) ?? notLoggedIn(subject, deps);
  },
};

export const rejectSenderLoginMismatch: Restriction = {
  name: 'reject_sender_login_mismatch',
  check: async (subject, _at, deps) => (await mismatch(subject, deps)) ?? notLoggedIn(subject, deps),
};
