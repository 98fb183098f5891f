import type { Staged } from '../base/staging.ts';
import type { Expansion } from '../directory/directory.ts';
import type { Envelope, ForwardPath } from '../mail/envelope.ts';
import type { FaultKind } from '../mail/fault.ts';
import type { QueueId } from '../queue/queue.ts';

/** What the Received field says of the hop. RFC 5321 4.4 */
export interface Hop {
  readonly helo: string;
  readonly remoteAddress: string;
  /** Reverse name, `unknown` where there is none. */
  readonly remoteName: string;
  /** SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP, UTF8SMTP…. RFC 3848, RFC 6531 4.3 */
  readonly protocol: string;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`, null in the clear. */
  readonly tls: string | null;
  /** Login, null without. */
  readonly login: string | null;
  /** Names the session in logs. */
  readonly session?: string;
  /** The client is one of ours, so the message gets the fields it lacks: Date, Message-ID, From. RFC 6409 8 */
  readonly submission?: boolean;
  /** The client hears of each recipient apart (LMTP): nothing is kept back for those that must wait. RFC 2033 4.2 */
  readonly replyPerRecipient?: boolean;
}

export interface RecipientResult {
  readonly path: ForwardPath;
  /** null: stored or queued, durably. */
  readonly fault: FaultKind | null;
}

/** Where forward paths lead, as far as that was looked up a moment ago (at RCPT); the others are looked up. */
export type Expansions = ReadonlyMap<ForwardPath, Expansion>;

/** The end of DATA: a message goes to mailboxes of ours, to the queue, or back. */
export interface Delivery {
  /**
   * Stores for local recipients and queues for the rest; durable when it resolves. One result per forward path, in order.
   * Where one reply stands for all, what cannot be stored now is queued as soon as anything else is accepted: then every fault is null.
   * Does not discard `message`.
   * @throws Fault storageFull, tooMany (hops), internal
   */
  accept(id: QueueId, envelope: Envelope, message: Staged, hop: Hop, known?: Expansions): Promise<readonly RecipientResult[]>;
}
