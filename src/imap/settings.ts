/** What the IMAP room is told by the configuration. Octets and milliseconds. */
export interface ImapSettings {
  /** In the greeting and in BYE. */
  readonly hostname: string;
  /** Between mailbox levels on the wire: `/` or `.`. */
  readonly separator: '/' | '.';
  /** Largest message APPEND takes. RFC 7889 */
  readonly messageSizeLimit: number;
  /** Where messages wait while they come in. */
  readonly stagingDir: string;
  /** Longest line and literal before login. */
  readonly maxLineBeforeLogin: number;
  readonly maxLiteralBeforeLogin: number;
  /** Longest line, and all of one command with its literals (messages aside). */
  readonly maxLine: number;
  readonly maxCommand: number;
  /** Until login must have happened. */
  readonly loginTimeout: number;
  /** Without a command; 30 minutes at least. RFC 9051 5.4 */
  readonly idleTimeout: number;
  /** Bad commands until the client is sent away. */
  readonly maxBadCommands: number;
  /** Failed logins until the client is sent away. */
  readonly maxLoginFailures: number;
}

export const imapDefaults: Omit<ImapSettings, 'hostname' | 'stagingDir'> = {
  separator: '/',
  messageSizeLimit: 52_428_800,
  maxLineBeforeLogin: 8 << 10,
  maxLiteralBeforeLogin: 4 << 10,
  maxLine: 64 << 10,
  maxCommand: 1 << 20,
  loginTimeout: 60_000,
  idleTimeout: 31 * 60_000,
  maxBadCommands: 50,
  maxLoginFailures: 10,
};
