import { refusal } from '../refusal.ts';
import type { Restriction } from '../restriction.ts';

export const permit: Restriction = { name: 'permit', check: () => 'permit' };

export const reject: Restriction = {
  name: 'reject',
  check: (subject, { stage }) => refusal(554, '7.1', stage, subject, 'Access denied'),
};

export const defer: Restriction = {
  name: 'defer',
  check: (subject, { stage }) => refusal(450, '7.1', stage, subject, 'Try again later'),
};

export const deferIfPermit: Restriction = {
  name: 'defer_if_permit',
  check: (subject, { stage }) => ({ deferIfPermit: refusal(450, '7.1', stage, subject, 'defer_if_permit requested') }),
};

export const rejectUnauthPipelining: Restriction = {
  name: 'reject_unauth_pipelining',
  check: (subject, { stage }) =>
    subject.earlyTalker ? refusal(503, '5.0', stage, subject, 'Improper use of SMTP command pipelining') : null,
};
