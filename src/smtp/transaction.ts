import type { Expansion } from '../directory/directory.ts';
import type { Address } from '../mail/address.ts';
import type { Envelope, ForwardPath } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import type { Receiver } from './receiver.ts';

/** From MAIL to the end of DATA. RFC 5321 3.3 */
export interface Transaction {
  readonly reversePath: Address | null;
  readonly options: Pick<Envelope, 'body' | 'smtputf8' | 'ret' | 'envid' | 'requireTls'>;
  readonly forwardPaths: ForwardPath[];
  /** Of recipients whose domain is ours. */
  readonly expansions: Map<ForwardPath, Expansion>;
  /** When the first recipient was looked up. Milliseconds of the monotonic clock, 0: none yet. */
  lookedUp: number;
  /** RCPT commands, refused ones included. */
  tried: number;
  /** Between the first BDAT and the last. */
  receiver: Receiver | null;
  /** Why the chunks that follow are dropped. */
  refused: Reply | null;
}

export function begin(reversePath: Address | null, options: Transaction['options']): Transaction {
  return { reversePath, options, forwardPaths: [], expansions: new Map(), lookedUp: 0, tried: 0, receiver: null, refused: null };
}
