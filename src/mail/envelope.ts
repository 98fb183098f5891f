import type { Address } from './address.ts';

/** RFC 3461 4.1 */
export type DsnNotify = 'never' | readonly ('success' | 'failure' | 'delay')[];

export interface ForwardPath {
  readonly address: Address;
  /** As the client wrote it between the brackets; X-Original-To. */
  readonly original: string;
  /** Decoded `addr-type;address`. RFC 3461 4.2 */
  readonly orcpt?: string;
  readonly notify?: DsnNotify;
}

/** What MAIL and RCPT said. RFC 5321 2.3.1 */
export interface Envelope {
  /** null for `<>`. */
  readonly reversePath: Address | null;
  readonly forwardPaths: readonly ForwardPath[];
  readonly body: '7bit' | '8bitmime' | 'binarymime';
  readonly smtputf8: boolean;
  /** RFC 3461 4.3 */
  readonly ret?: 'full' | 'hdrs';
  /** Decoded. RFC 3461 4.4 */
  readonly envid?: string;
  /** RFC 8689 */
  readonly requireTls: boolean;
  /** Nothing is delivered before; milliseconds since 1970. RFC 4865 */
  readonly releaseAt?: number;
}
