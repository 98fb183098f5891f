import { Fault } from '../../mail/fault.ts';
import type { Reply } from '../../mail/reply.ts';
import type { SmtpCommand } from '../command.ts';
import { smtpReplies } from '../faults.ts';
import type { SmtpSession } from '../session.ts';

/** Octets of one base64 line. RFC 4954 4.5 */
const longest = 12_288;
const cannotDecode: Reply = { code: 501, detail: '5.2', text: 'Error: cannot decode base64' };

/** RFC 4954 4 */
export const auth: SmtpCommand = {
  verb: 'AUTH',
  needsGreeting: true,

  async run(argument, session) {
    const { connection, shared, deps } = session;
    if (session.login !== null) return { code: 503, detail: '5.1', text: 'Error: already authenticated' };
    if (session.transaction !== null) return { code: 503, detail: '5.1', text: 'Error: MAIL transaction in progress' };
    const mechanisms = session.mechanisms();
    if (mechanisms.length === 0) {
      return session.role.offersAuth && connection.canStartTls
        ? smtpReplies.tlsRequired
        : { code: 503, detail: '5.1', text: 'Error: authentication not enabled' };
    }
    const [, name = '', initial] = /^(\S+)(?:[ \t]+(\S+))?$/.exec(argument) ?? [];
    if (name === '') return { code: 501, detail: '5.4', text: 'Syntax: AUTH mechanism' };
    const mechanism = name.toUpperCase();
    if (!mechanisms.includes(mechanism)) return { code: 504, detail: '5.4', text: 'Unrecognized authentication type' };
    if (!shared.rates.count(session.remoteAddress, 'auths')) {
      return { code: 450, detail: '7.1', text: `Error: too many AUTH commands from ${session.remoteAddress}` };
    }
    try {
      const exchange = deps.authenticator.start(mechanism, session.authContext);
      // "=" is an initial response of no octets. RFC 4954 4
      let response = initial === undefined ? null : initial === '=' ? Buffer.alloc(0) : base64(initial);
      if (initial !== undefined && response === null) return cannotDecode;
      for (;;) {
        const step = await exchange.step(response);
        if ('account' in step) {
          session.authenticated(step.account);
          return { code: 235, detail: '7.0', text: 'Authentication successful' };
        }
        session.reply({ code: 334, detail: '', text: step.challenge.toString('base64') });
        const answer = await nextResponse(session);
        if (!Buffer.isBuffer(answer)) return answer;
        response = answer;
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.kind === 'syntax') return { code: 501, detail: '5.2', text: 'Error: malformed SASL response' };
      if (error.kind === 'tlsRequired')
        return { code: 538, detail: '7.11', text: 'Encryption required for requested authentication mechanism' };
      if (error.kind === 'unavailable' || error.kind === 'internal') {
        return { code: 454, detail: '7.0', text: 'Temporary authentication failure' };
      }
      throw error;
    }
  },
};

async function nextResponse(session: SmtpSession): Promise<Buffer | Reply | null> {
  const line = await session.input.line(longest, session.settings.timeout);
  if (line === null) {
    session.lost();
    return null;
  }
  if (line === 'tooLong') return { code: 500, detail: '5.6', text: 'SASL response limit exceeded' };
  if (typeof line === 'string') return cannotDecode;
  const text = line.toString('latin1').trimEnd();
  if (text === '*') return { code: 501, detail: '7.0', text: 'Authentication aborted' };
  return base64(text) ?? cannotDecode;
}

/** Strict: no other characters, padding where it belongs. RFC 4648 3.5 */
function base64(text: string): Buffer | null {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) ? Buffer.from(text, 'base64') : null;
}
