import type { MetricSample } from '../base/metrics.ts';
import type { TlsSettings } from '../net/tls.ts';
import type { Config } from './config/settings.ts';
import type { StartFailure } from './failure.ts';
import type { ListenerInfo } from './sockets.ts';

/** All that a worker needs to serve; certificates come along because only the primary could read them as root. */
export interface WorkerStart {
  readonly number: number;
  readonly config: Config;
  readonly tls: TlsSettings;
  /** base64 of 48 octets. */
  readonly ticketKeys: string;
  /** Each with its inherited descriptor. */
  readonly listeners: readonly (ListenerInfo & { readonly fd: number })[];
}

export type ToWorker =
  | { readonly kind: 'start'; readonly start: WorkerStart }
  | { readonly kind: 'reload'; readonly config: Config; readonly tls: TlsSettings }
  | { readonly kind: 'bus'; readonly topic: string; readonly message: unknown; readonly from: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'collect'; readonly id: number }
  | { readonly kind: 'samples'; readonly id: number; readonly samples: readonly MetricSample[] }
  | { readonly kind: 'stop'; readonly deadlineMs: number };

export type ToPrimary =
  | { readonly kind: 'serving' }
  | { readonly kind: 'failed'; readonly code: StartFailure['code']; readonly line: string }
  /** `to`: numbers of workers; all others where it is left out. */
  | { readonly kind: 'bus'; readonly topic: string; readonly message: unknown; readonly to?: readonly number[] }
  | { readonly kind: 'pong' }
  /** Asks for the metrics of all. */
  | { readonly kind: 'gather'; readonly id: number }
  | { readonly kind: 'collected'; readonly id: number; readonly samples: readonly MetricSample[] };
