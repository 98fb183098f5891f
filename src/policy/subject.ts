import type { Account, Expansion } from '../directory/directory.ts';
import type { Address } from '../mail/address.ts';

/** Where in a session a list of restrictions speaks; also the word its refusals use. */
export const stages = ['client', 'helo', 'sender', 'recipient', 'data'] as const;
export type Stage = (typeof stages)[number];

/** What is known of a session when somebody asks "may they?". */
export interface Subject {
  /** Names the session. */
  readonly session: string;
  readonly remoteAddress: string;
  /** Verified reverse name, `unknown` where there is none. */
  readonly remoteName: string;
  /** Reverse name that nothing confirms, null where there is none. */
  readonly reverseName: string | null;
  /** From mynetworks. */
  readonly trusted: boolean;
  readonly login: Account | null;
  /** TLS is on. */
  readonly secure: boolean;
  /** '' before HELO. */
  readonly helo: string;
  /** null for `<>`. */
  readonly reversePath: Address | null;
  readonly forwardPath: Address | null;
  /** Who stands behind `forwardPath`; null where its domain is not ours. */
  readonly expansion: Expansion | null;
  /** Forward paths of the transaction, this one included. */
  readonly recipients: number;
  /** The client spoke before it was its turn. */
  readonly earlyTalker: boolean;
}
