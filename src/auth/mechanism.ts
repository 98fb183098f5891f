import type { Account } from '../directory/directory.ts';

/** Who someone says to be. The names are as sent. */
export interface Claim {
  /** '' = the same as `authenticationId`. */
  readonly authorizationId: string;
  readonly authenticationId: string;
  /** What remains to be verified; null where the mechanism has proved it itself, by `account`. */
  readonly password: string | null;
  readonly account?: Account;
}

/** What a mechanism that proves itself needs of the stored password. */
export interface MechanismTools {
  /** The account of a name as sent; null where there is none or it may not log in. */
  account(authenticationId: string): Promise<Account | null>;
  /** `{SCHEME}` and the rest as stored; '' where it says nothing. */
  stored(account: Account): { readonly scheme: string; readonly hash: string };
  /** Octets that both ends of this TLS connection know. RFC 5929, RFC 9266; null without TLS or where the type is not known. */
  channelBinding(type: string): Buffer | null;
  /** Waits a little after `start` (performance.now), so that the work done for a name does not show. */
  steady(start: number): Promise<void>;
  /** Whether another mechanism is offered on this connection. */
  offers(mechanism: string): boolean;
  /** The same for the same name, so that an unknown user looks like a known one. */
  fakeSalt(authenticationId: string): Buffer;
}

/**
 * A SASL mechanism: takes responses, yields challenges, returns who it is. RFC 4422 5
 * A generator, so that SMTP, IMAP and POP3 drive the same code, with or without initial response.
 */
export interface Mechanism {
  readonly name: string;
  /** The password crosses the wire. */
  readonly plaintext: boolean;
  /** Needs TLS with channel binding. */
  readonly binds?: boolean;
  /** @throws Fault syntax, badCredentials */
  start(initialResponse: Buffer | null, tools: MechanismTools): AsyncGenerator<Buffer, Claim, Buffer>;
}
