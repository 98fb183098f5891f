import type { Stage } from '../policy/subject.ts';

/** What a listener is for. No code asks for a port number. RFC 5598 4.3 */
export interface Role {
  readonly name: 'mta' | 'msa' | 'lmtp';
  /** First word of the greeting's protocol and of Received's `with`. */
  readonly protocol: 'SMTP' | 'LMTP';
  /** Where sessions begin: HELO and EHLO, or LHLO. RFC 2033 4.1 */
  readonly greetings: readonly string[];
  /** MAIL only after AUTH. RFC 6409 4.3 */
  readonly authRequired: boolean;
  /** The reverse path must belong to the login. RFC 6409 6.1 */
  readonly senderMustBelongToLogin: boolean;
  readonly offersAuth: boolean;
  /** Whose restriction lists are asked at RCPT. Lists about hosts are for strangers: people log in from anywhere. */
  readonly stages: readonly Stage[];
  /** The client has asked its own questions; what is left is whether the mailbox is ours. A reply for each recipient. */
  readonly finalDelivery: boolean;
}

const helo = ['HELO', 'EHLO'];

export const roles = {
  /** Port 25: mail from other servers. */
  mta: {
    name: 'mta',
    protocol: 'SMTP',
    greetings: helo,
    authRequired: false,
    senderMustBelongToLogin: false,
    offersAuth: true,
    stages: ['client', 'helo', 'sender', 'recipient'],
    finalDelivery: false,
  },
  /** Ports 587 and 465: mail from people. */
  msa: {
    name: 'msa',
    protocol: 'SMTP',
    greetings: helo,
    authRequired: true,
    senderMustBelongToLogin: true,
    offersAuth: true,
    stages: ['sender', 'recipient'],
    finalDelivery: false,
  },
  /** Mail from another MTA of ours. RFC 2033 */
  lmtp: {
    name: 'lmtp',
    protocol: 'LMTP',
    greetings: ['LHLO'],
    authRequired: false,
    senderMustBelongToLogin: false,
    offersAuth: false,
    stages: [],
    finalDelivery: true,
  },
} as const satisfies Record<string, Role>;

export type RoleName = keyof typeof roles;
