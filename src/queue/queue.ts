import type { Brand } from '../base/brand.ts';
import type { Staged } from '../base/staging.ts';
import type { Address } from '../mail/address.ts';
import type { Envelope, ForwardPath } from '../mail/envelope.ts';

/** Upper-case letters and digits, as in `250 2.0.0 Ok: queued as 3F2A…`. */
export type QueueId = Brand<string, 'QueueId'>;

export interface NewQueued {
  readonly id: QueueId;
  readonly envelope: Omit<Envelope, 'forwardPaths'>;
  /** Each with where it goes: an account of ours that must wait, or another server. */
  readonly recipients: readonly (ForwardPath & { readonly transport: 'local' | 'relay' })[];
  /** LF line ends; trace fields of the receiving hop included. Copied, not kept. */
  readonly message: Staged;
  /** Put before the message. */
  readonly prefix?: Uint8Array;
  /** Login that sent it, null from mynetworks or another server. */
  readonly sender: string | null;
  /** The client is one of ours (a login, a network or a program of ours), so the message may be signed in our domains' names. */
  readonly submitted?: boolean;
}

/** What a transport says of one recipient. */
export interface Outcome {
  readonly recipient: Address;
  readonly result: 'delivered' | 'deferred' | 'failed';
  /** As sent by the next hop or made here, with enhanced code: `550 5.1.1 <x@y>: No such user`. */
  readonly reply: string;
  /** Next hop, null when local. */
  readonly relay: string | null;
}

export interface QueueStats {
  readonly messages: number;
  readonly octets: number;
  /** Deliveries by state: ready waiting leased held. */
  readonly jobs: Readonly<Record<string, number>>;
  /** The fullest first, 100 at most. `oldest`: milliseconds since 1970. */
  readonly destinations: readonly {
    readonly transport: string;
    readonly destination: string;
    readonly jobs: number;
    readonly oldest: number;
  }[];
  /** Could not be reached; nothing is tried there before `blocked_until`. */
  readonly blocked: readonly { readonly name: string; readonly blocked_until: number; readonly failures: number; readonly reply: string }[];
}

/** Mail accepted and not yet delivered. */
export interface Queue {
  /** A new id; shared with mail that is delivered without being queued. */
  nextId(): QueueId;
  /** Durable when it resolves. @throws Fault storageFull */
  enqueue(mail: NewQueued): Promise<void>;
  /** Tries a message, or all, now. @returns how many deliveries */
  flush(id?: QueueId | null): Promise<number>;
  /** Tries now what waits for a domain: ETRN. RFC 1985 @returns how many deliveries */
  flushDomain(domain: string): Promise<number>;
  stats(): Promise<QueueStats>;
  close(): Promise<void>;
}
