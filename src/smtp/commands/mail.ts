import type { Address } from '../../mail/address.ts';
import type { Envelope } from '../../mail/envelope.ts';
import { Fault } from '../../mail/fault.ts';
import type { Reply } from '../../mail/reply.ts';
import type { SmtpCommand } from '../command.ts';
import { longestHold } from '../extensions.ts';
import { smtpReplies } from '../faults.ts';
import { esmtpParameters } from '../grammar/parameters.ts';
import { needsUtf8, path } from '../grammar/path.ts';
import { decodeXtext } from '../grammar/xtext.ts';
import type { SmtpSession } from '../session.ts';
import { begin } from '../transaction.ts';

type Options = { -readonly [K in keyof Pick<Envelope, 'body' | 'smtputf8' | 'ret' | 'envid' | 'requireTls' | 'releaseAt'>]: Envelope[K] };

const badSize: Reply = { code: 501, detail: '5.4', text: 'Bad message size syntax' };
const tooBig: Reply = { code: 552, detail: '3.4', text: 'Message size exceeds fixed limit' };

/** Names the reverse path. RFC 5321 4.1.1.2 */
export const mail: SmtpCommand = {
  verb: 'MAIL',
  needsGreeting: true,

  run(argument, session) {
    const { role, settings, connection } = session;
    if (role.authRequired && session.login === null) {
      return session.mechanisms().length === 0 && connection.canStartTls ? smtpReplies.tlsRequired : smtpReplies.authRequired;
    }
    if (session.transaction !== null) return { code: 503, detail: '5.1', text: 'Error: nested MAIL command' };
    const given = /^FROM:(.*)$/is.exec(argument);
    if (given === null) return { code: 501, detail: '5.4', text: 'Syntax: MAIL FROM:<address>' };
    const parsed = reversePath(given[1]!, settings.strictRfc821Envelopes);
    if (parsed === null) return { code: 501, detail: '1.7', text: 'Bad sender address syntax' };

    const options: Options = { body: '7bit', smtputf8: false, requireTls: false };
    const refused = setOptions(parsed.rest, options, session);
    if (refused !== null) return refused;
    if (parsed.address !== null && needsUtf8(parsed.address) && !options.smtputf8) {
      return { code: 553, detail: '6.7', text: 'Must declare SMTPUTF8 to send unicode address' };
    }
    if (!session.shared.rates.count(session.remoteAddress, 'messages')) {
      return { code: 450, detail: '7.1', text: `Error: too much mail from ${session.remoteAddress}` };
    }
    session.transaction = begin(atOrigin(parsed.address, settings.hostname), options);
    return { code: 250, detail: '1.0', text: 'Ok' };
  },
};

function reversePath(text: string, strict: boolean): { readonly address: Address | null; readonly rest: string } | null {
  try {
    return path(text, strict);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** A bare name is a name on this host (Postfix's append_at_myorigin). */
function atOrigin(address: Address | null, hostname: string): Address | null {
  return address !== null && address.domain === '' ? { ...address, domain: hostname.toLowerCase() } : address;
}

function setOptions(text: string, options: Options, session: SmtpSession): Reply | null {
  for (const [keyword, value] of esmtpParameters(text)) {
    const known = Object.hasOwn(parameters, keyword) ? parameters[keyword] : undefined;
    if (known === undefined || !session.isExtended) return { code: 555, detail: '5.4', text: `Unsupported option: ${keyword}` };
    const refused = known(value, options, session);
    if (refused !== null) return refused;
  }
  return null;
}

type Parameter = (value: string | null, options: Options, session: SmtpSession) => Reply | null;

const parameters: Readonly<Record<string, Parameter>> = {
  /** RFC 1870 6 */
  SIZE(value, _options, { settings }) {
    if (value === null || !/^\d{1,20}$/.test(value)) return badSize;
    return Number(value) > settings.messageSizeLimit ? tooBig : null;
  },

  /** RFC 6152 2 */
  BODY(value, options) {
    const body = value?.toLowerCase();
    if (body !== '7bit' && body !== '8bitmime') return { code: 501, detail: '5.4', text: 'Syntax: BODY=7BIT or BODY=8BITMIME' };
    options.body = body;
    return null;
  },

  /** RFC 6531 3.4 */
  SMTPUTF8(value, options) {
    if (value !== null) return { code: 501, detail: '5.4', text: 'Syntax: SMTPUTF8 without a value' };
    options.smtputf8 = true;
    return null;
  },

  /** RFC 3461 4.3 */
  RET(value, options) {
    const ret = value?.toLowerCase();
    if (ret !== 'full' && ret !== 'hdrs') return { code: 501, detail: '5.4', text: 'Bad RET parameter syntax' };
    options.ret = ret;
    return null;
  },

  /** RFC 3461 4.4 */
  ENVID(value, options) {
    const envid = value === null || value.length > 100 ? null : decoded(value);
    if (envid === null) return { code: 501, detail: '5.4', text: 'Bad ENVID parameter syntax' };
    options.envid = envid;
    return null;
  },

  /** RFC 8689 2 */
  REQUIRETLS(value, options, { connection }) {
    if (!connection.secure) return { code: 555, detail: '5.4', text: 'Unsupported option: REQUIRETLS without TLS' };
    if (value !== null) return { code: 501, detail: '5.4', text: 'Syntax: REQUIRETLS without a value' };
    options.requireTls = true;
    return null;
  },

  /** Seconds from now. RFC 4865 5 */
  HOLDFOR(value, options, session) {
    return holdUntil(value !== null && /^\d{1,9}$/.test(value) ? session.deps.clock.now() + Number(value) * 1000 : null, options, session);
  },

  /** A moment, as RFC 3339 writes it; one that has passed is now. RFC 4865 5 */
  HOLDUNTIL(value, options, session) {
    const isDate = value !== null && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.test(value);
    return holdUntil(isDate ? Date.parse(value) : null, options, session);
  },

  /** Whom a submitter vouches for; read and not passed on. RFC 4954 5 */
  AUTH(value) {
    return value === null || decoded(value) === null ? { code: 501, detail: '5.4', text: 'Bad AUTH parameter syntax' } : null;
  },
};

function holdUntil(time: number | null, options: Options, { role, deps }: SmtpSession): Reply | null {
  if (!role.authRequired) return { code: 555, detail: '5.4', text: 'Unsupported option: mail is held for submitters only' };
  if (time === null || Number.isNaN(time)) return { code: 501, detail: '5.4', text: 'Syntax: HOLDFOR=seconds or HOLDUNTIL=date-time' };
  if (options.releaseAt !== undefined) return { code: 501, detail: '5.4', text: 'Either HOLDFOR or HOLDUNTIL, once' };
  if (time > deps.clock.now() + longestHold) return { code: 501, detail: '5.4', text: 'Mail is not held for so long' };
  options.releaseAt = time;
  return null;
}

function decoded(value: string): string | null {
  try {
    return decodeXtext(value);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}
