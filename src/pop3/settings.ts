/** What the configuration says about POP3. Times in milliseconds. */
export interface Pop3Settings {
  /** After `+OK `. */
  readonly greeting: string;
  /** Dovecot's `pop3_uidl_format`; '' = the stable part of the message's file name. */
  readonly uidlFormat: string;
  /** RETR leaves flags alone (Dovecot's `pop3_no_flag_updates`). */
  readonly noFlagUpdates: boolean;
  /** Between commands before login; the whole of it may take twice as long. */
  readonly loginTimeout: number;
  /** Between commands after login. At least ten minutes, RFC 1939 3 */
  readonly idleTimeout: number;
  /** How long a login waits for another session's maildrop. */
  readonly lockWait: number;
  /** Commands in a row that fail before the client is cut off. */
  readonly badCommandLimit: number;
  /** Logins that fail before the client is cut off. */
  readonly loginFailureLimit: number;
}

export const defaultPop3Settings: Pop3Settings = {
  greeting: 'postcote ready.',
  uidlFormat: '',
  noFlagUpdates: false,
  loginTimeout: 60_000,
  idleTimeout: 600_000,
  lockWait: 2_000,
  badCommandLimit: 20,
  loginFailureLimit: 10,
};
