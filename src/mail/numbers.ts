import type { Brand } from '../base/brand.ts';

/** Names a message for good, within one UIDVALIDITY. 1 to 2^32-1. RFC 9051 2.3.1.1 */
export type Uid = Brand<number, 'Uid'>;

/** Place of a message in one session's view; shifts on EXPUNGE. RFC 9051 2.3.1.2 */
export type SequenceNumber = Brand<number, 'SequenceNumber'>;

/** Changes whenever UIDs start over, so that clients drop their caches. RFC 9051 2.3.1.1 */
export type UidValidity = Brand<number, 'UidValidity'>;

/** Grows with every change to a mailbox. 63 bits on the wire (RFC 7162 3.1); ours stay under 2^53. */
export type ModSeq = Brand<number, 'ModSeq'>;

export type AccountId = Brand<number, 'AccountId'>;
export type MailboxId = Brand<number, 'MailboxId'>;
