import type { Address } from '../mail/address.ts';
import type { Envelope, ForwardPath } from '../mail/envelope.ts';
import type { Outcome, QueueId } from './queue.ts';

export type TransportName = 'local' | 'relay';

export interface QueuedRecipient extends ForwardPath {
  readonly id: number;
}

/** Text of a message, LF line ends: in memory, else in its spool file. */
export interface QueuedMessage {
  readonly bytes?: Uint8Array;
  readonly file: string;
  /** Octets. */
  readonly size: number;
}

/** Recipients of one message that go the same way. */
export interface Job {
  readonly job: number;
  /** Fences off a worker whose lease was taken over. */
  readonly token: number;
  readonly id: QueueId;
  readonly transport: TransportName;
  readonly destination: string;
  readonly envelope: Omit<Envelope, 'forwardPaths'>;
  /** Login that sent it. */
  readonly sender: string | null;
  /** When it was queued. Milliseconds since 1970. */
  readonly created: number;
  /** Failed attempts so far. */
  readonly attempts: number;
  readonly message: QueuedMessage;
  readonly recipients: readonly QueuedRecipient[];
}

export interface JobOutcome extends Omit<Outcome, 'recipient'> {
  /** The whole destination could not be used: others queued for it need not try now. */
  readonly unreachable?: boolean;
  /** The next hop took over NOTIFY=SUCCESS; no notice of ours. RFC 3461 5.2.2 */
  readonly dsnPassedOn?: boolean;
}

/** Called once for each recipient, as soon as its fate is known. Synchronous: a record is kept that survives this process. */
export type Report = (recipient: QueuedRecipient, outcome: JobOutcome) => void;

/** Takes queued mail to where it goes. */
export interface Transport {
  /** What concurrency, order and reachability are kept for; jobs are grouped by it when mail is queued. */
  destination(address: Address): string;
  /** Tries all recipients of a job. A recipient not reported on is deferred. A throw defers the rest. */
  deliver(job: Job, report: Report, signal: AbortSignal): Promise<void>;
  /** What the steps of a job may take together. An attempt that takes longer hangs, and is given up. Milliseconds. */
  timeLimit(job: Job): number;
  close?(): Promise<void>;
}
