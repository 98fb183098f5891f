import type { Log } from '../base/log.ts';
import type { TlsContexts } from './tls.ts';

export interface ConnectionOptions {
  readonly tls: TlsContexts | null;
  readonly log: Log;
  /** Where the client and we are, when a proxy said so. */
  readonly remote?: { readonly address: string; readonly port: number };
  readonly local?: { readonly address: string; readonly port: number };
  /** Milliseconds. */
  readonly handshakeTimeout?: number;
}

export interface ReadLineOptions {
  /** Also ends a line at LF without CR (a lenient protocol). Otherwise a bare LF is part of the line. */
  readonly bareLf?: boolean;
}
