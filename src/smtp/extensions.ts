import type { SmtpExtension } from './command.ts';

/** How far ahead mail may be submitted. Milliseconds. */
export const longestHold = 30 * 86_400_000;

/** In the order in which EHLO lists them. RFC 5321 4.1.1.1 */
export const extensions: readonly SmtpExtension[] = [
  /** RFC 2920 */
  { keyword: () => 'PIPELINING' },
  /** RFC 1870 */
  { keyword: ({ settings }) => `SIZE ${settings.messageSizeLimit}` },
  { keyword: ({ settings }) => (settings.disableVrfyCommand ? null : 'VRFY') },
  /** RFC 1985 */
  { keyword: ({ trusted, role }) => (trusted && !role.finalDelivery && !role.authRequired ? 'ETRN' : null) },
  /** RFC 3207 */
  { keyword: ({ connection }) => (connection.canStartTls ? 'STARTTLS' : null) },
  /** RFC 4954; only where a password may be sent */
  {
    keyword(session) {
      const mechanisms = session.login === null ? session.mechanisms() : [];
      return mechanisms.length === 0 ? null : `AUTH ${mechanisms.join(' ')}`;
    },
  },
  /** RFC 2034 */
  { keyword: () => 'ENHANCEDSTATUSCODES' },
  /** RFC 6152 */
  { keyword: () => '8BITMIME' },
  /** RFC 3461 */
  { keyword: () => 'DSN' },
  /** RFC 6531 */
  { keyword: () => 'SMTPUTF8' },
  /** Only under TLS. RFC 8689 4.1 */
  { keyword: ({ connection }) => (connection.secure ? 'REQUIRETLS' : null) },
  /** RFC 3030 */
  { keyword: () => 'CHUNKING' },
  /** RFC 5321 4.1.1.8 */
  { keyword: () => 'HELP' },
  /** RFC 4865 4, for submission only */
  {
    keyword({ role, deps }) {
      if (!role.authRequired) return null;
      const latest = new Date(deps.clock.now() + longestHold).toISOString().replace(/\.\d+/, '');
      return `FUTURERELEASE ${longestHold / 1000} ${latest}`;
    },
  },
  /** RFC 9422 */
  { keyword: ({ settings }) => `LIMITS RCPTMAX=${settings.recipientLimit}` },
  /** Postfix's XCLIENT_README */
  { keyword: (session) => (session.maySpeakForOthers ? 'XCLIENT NAME ADDR PORT PROTO HELO LOGIN' : null) },
];
