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
  /** The client is trusted to have asked its own questions: no restriction lists, but only mail for mailboxes of ours. */
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
    finalDelivery: true,
  },
} as const satisfies Record<string, Role>;

export type RoleName = keyof typeof roles;
