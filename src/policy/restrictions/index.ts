import type { Restriction } from '../restriction.ts';
import * as access from './access.ts';
import * as client from './client.ts';
import * as dnsbl from './dnsbl.ts';
import * as generic from './generic.ts';
import * as helo from './helo.ts';
import { checkPolicyService } from './policy-service.ts';
import * as recipient from './recipient.ts';
import * as sender from './sender.ts';

/** Every word a restriction list may hold, but for `warn_if_reject`, which speaks about the word after it. */
export const restrictions: readonly Restriction[] = [
  generic.permit,
  generic.reject,
  generic.defer,
  generic.deferIfPermit,
  generic.rejectUnauthPipelining,
  client.permitMynetworks,
  client.permitSaslAuthenticated,
  client.rejectUnknownClientHostname,
  client.rejectUnknownReverseClientHostname,
  client.rejectPlaintextSession,
  helo.rejectInvalidHeloHostname,
  helo.rejectNonFqdnHeloHostname,
  helo.rejectUnknownHeloHostname,
  sender.rejectNonFqdnSender,
  sender.rejectUnlistedSender,
  sender.rejectUnknownSenderDomain,
  sender.rejectSenderLoginMismatch,
  sender.rejectAuthenticatedSenderLoginMismatch,
  sender.rejectUnauthenticatedSenderLoginMismatch,
  sender.rejectKnownSenderLoginMismatch,
  recipient.rejectUnauthDestination,
  recipient.deferUnauthDestination,
  recipient.permitAuthDestination,
  recipient.rejectNonFqdnRecipient,
  recipient.rejectUnlistedRecipient,
  recipient.rejectUnknownRecipientDomain,
  recipient.rejectMultiRecipientBounce,
  dnsbl.rejectRblClient,
  dnsbl.permitDnswlClient,
  dnsbl.rejectRhsblClient,
  dnsbl.rejectRhsblHelo,
  dnsbl.rejectRhsblSender,
  access.checkClientAccess,
  access.checkHeloAccess,
  access.checkSenderAccess,
  access.checkRecipientAccess,
  checkPolicyService,
];
