import type { SmtpCommand } from '../command.ts';
import { smtpReplies } from '../faults.ts';
import { isDomain } from '../grammar/domain.ts';

/** RFC 5321 4.1.1.5 */
export const rset: SmtpCommand = {
  verb: 'RSET',
  isJunk: true,
  run(argument, session) {
    if (argument !== '') return { code: 501, detail: '5.4', text: 'Syntax: RSET' };
    session.dropTransaction();
    return { code: 250, detail: '0.0', text: 'Ok' };
  },
};

/** RFC 5321 4.1.1.9 */
export const noop: SmtpCommand = {
  verb: 'NOOP',
  isJunk: true,
  run: () => ({ code: 250, detail: '0.0', text: 'Ok' }),
};

/** RFC 5321 4.1.1.10 */
export const quit: SmtpCommand = {
  verb: 'QUIT',
  run(_argument, session) {
    session.goodbye('quit', { code: 221, detail: '0.0', text: 'Bye' });
    return null;
  },
};

/** Says nothing about who has a mailbox. RFC 5321 3.5.3, 7.3 */
export const vrfy: SmtpCommand = {
  verb: 'VRFY',
  isJunk: true,
  run(argument, { settings }) {
    if (settings.disableVrfyCommand) return { code: 502, detail: '5.1', text: 'VRFY command is disabled' };
    if (argument === '') return { code: 501, detail: '5.4', text: 'Syntax: VRFY address' };
    return { code: 252, detail: '0.0', text: argument };
  },
};

/** RFC 5321 3.5: as VRFY, never told. */
export const expn: SmtpCommand = {
  verb: 'EXPN',
  isJunk: true,
  run: () => ({ code: 502, detail: '5.1', text: 'EXPN command is disabled' }),
};

/** Tries now what waits for a domain; for clients from mynetworks. RFC 1985 5 */
export const etrn: SmtpCommand = {
  verb: 'ETRN',
  isJunk: true,
  needsGreeting: true,
  async run(argument, { trusted, transaction, deps }) {
    if (transaction !== null) return { code: 503, detail: '5.1', text: 'Error: MAIL transaction in progress' };
    const domain = argument.replace(/^[@#]/, '').toLowerCase();
    if (!isDomain(domain)) return { code: 501, detail: '5.4', text: 'Syntax: ETRN domain' };
    if (!trusted) return { code: 554, detail: '7.1', text: `<${domain}>: Etrn command rejected: Access denied` };
    await deps.queue.flushDomain(domain);
    return { code: 250, detail: '0.0', text: 'Queuing started' };
  },
};

/** RFC 3207 4 */
export const starttls: SmtpCommand = {
  verb: 'STARTTLS',
  isJunk: true,
  async run(argument, session) {
    const { connection, input, deps } = session;
    if (argument !== '') return { code: 501, detail: '5.4', text: 'Syntax: STARTTLS' };
    if (connection.secure) return { code: 554, detail: '5.1', text: 'Error: TLS already active' };
    if (!connection.canStartTls) return smtpReplies.unknownCommand;
    // Whatever was sent along in the clear was never said under TLS. RFC 3207 6
    const early = input.discard();
    if (early > 0) deps.log.warn({ session: session.id, address: session.remoteAddress, octets: early }, 'plaintext before TLS dropped');
    await connection.startTls('220 2.0.0 Ready to start TLS\r\n');
    session.secured();
    return null;
  },
};
