import type { Account } from '../directory/directory.ts';

/** Where an authentication comes from: what may be offered, what is throttled. */
export interface AuthContext {
  readonly service: 'smtp' | 'imap' | 'pop3' | 'managesieve' | 'http';
  readonly remoteAddress: string;
  /** TLS is on. */
  readonly secure: boolean;
  /** Octets that both ends of the TLS connection know, by type (`tls-exporter`, `tls-server-end-point`); null for others. RFC 9266, RFC 5929 */
  readonly channelBinding?: (type: string) => Buffer | null;
}

/**
 * A running SASL exchange, the same for every protocol. Octets, not base64.
 * RFC 4422 3
 */
export interface SaslExchange {
  /**
   * @param response the client's message; null for "no initial response"
   * @returns a challenge to send, or the account when done
   * @throws Fault badCredentials, throttled, syntax, unavailable
   */
  step(response: Buffer | null): Promise<{ readonly challenge: Buffer } | { readonly account: Account }>;
}

export interface Authenticator {
  /** Mechanisms to announce; none where passwords may not cross the wire (no TLS, not loopback, not allowed). */
  mechanisms(context: AuthContext): readonly string[];
  /** Whether LOGIN, USER/PASS may be used: as for PLAIN. */
  allowsPlaintext(context: AuthContext): boolean;
  /** @throws Fault unsupported (mechanism), tlsRequired */
  start(mechanism: string, context: AuthContext): SaslExchange;
  /** @throws Fault badCredentials, throttled, tlsRequired, unavailable */
  login(name: string, password: string, context: AuthContext): Promise<Account>;
}
