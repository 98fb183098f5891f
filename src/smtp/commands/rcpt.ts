import type { Expansion } from '../../directory/directory.ts';
import { type Address, formatAddress, splitAddress } from '../../mail/address.ts';
import type { DsnNotify, ForwardPath } from '../../mail/envelope.ts';
import { Fault } from '../../mail/fault.ts';
import type { Reply } from '../../mail/reply.ts';
import type { SmtpCommand } from '../command.ts';
import { addressLiteral } from '../grammar/domain.ts';
import { esmtpParameters } from '../grammar/parameters.ts';
import { isRouted, needsUtf8, type Path, path } from '../grammar/path.ts';
import { decodeXtext } from '../grammar/xtext.ts';
import type { SmtpSession } from '../session.ts';

const badAddress: Reply = { code: 501, detail: '1.3', text: 'Bad recipient address syntax' };

/** Names a recipient. RFC 5321 4.1.1.3 */
export const rcpt: SmtpCommand = {
  verb: 'RCPT',
  needsGreeting: true,

  async run(argument, session) {
    const { transaction, settings, shared } = session;
    if (transaction === null) return { code: 503, detail: '5.1', text: 'Error: need MAIL command' };
    if (transaction.receiver !== null) return { code: 503, detail: '5.1', text: 'Error: RCPT after BDAT' };
    const given = /^TO:(.*)$/is.exec(argument);
    if (given === null) return { code: 501, detail: '5.4', text: 'Syntax: RCPT TO:<address>' };
    transaction.tried++;
    if (transaction.forwardPaths.length >= settings.recipientLimit) {
      return { code: 452, detail: '5.3', text: 'Error: too many recipients' };
    }
    if (!shared.rates.count(session.remoteAddress, 'recipients')) {
      return { code: 450, detail: '7.1', text: `Error: too many recipients from ${session.remoteAddress}` };
    }
    const parsed = forwardPath(given[1]!, settings.strictRfc821Envelopes);
    if (parsed === null || parsed.address === null) return badAddress;
    if (needsUtf8(parsed.address) && !transaction.options.smtputf8) {
      return { code: 553, detail: '6.7', text: 'Must declare SMTPUTF8 to send unicode address' };
    }
    const dsn = dsnOptions(parsed.rest, session.isExtended);
    if ('code' in dsn) return dsn;

    const address = await complete(parsed.address, session);
    const expansion = await expand(address, session);
    const refused = (await mayNotBeOurs(address, expansion, session)) ?? (await ask(address, expansion, session));
    if (refused !== null) return refused;
    const path: ForwardPath = { address, original: parsed.original, ...dsn };
    transaction.forwardPaths.push(path);
    transaction.lookedUp ||= performance.now();
    if (expansion !== null) transaction.expansions.set(path, expansion);
    return { code: 250, detail: '1.5', text: 'Ok' };
  },
};

function forwardPath(text: string, strict: boolean): Path | null {
  try {
    return path(text, strict);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** A bare name is a name on this host; bare `postmaster` is who reads that mail. RFC 5321 4.1.1.3, 4.5.1 */
async function complete(address: Address, { settings, deps }: SmtpSession): Promise<Address> {
  if (address.domain !== '') return address;
  const hostname = settings.hostname.toLowerCase();
  if (address.localPart.toLowerCase() === 'postmaster') {
    const configured = splitAddress(settings.postmaster);
    if (configured !== null) return configured;
    // `mail.example.com`, then `example.com`.
    for (const domain of [hostname, hostname.slice(hostname.indexOf('.') + 1)]) {
      if ((await deps.directory.domain(domain)) !== null) return { localPart: address.localPart, domain };
    }
  }
  return { ...address, domain: hostname };
}

async function expand(address: Address, { deps }: SmtpSession): Promise<Expansion | null> {
  const expansion = await deps.directory.expand(address);
  return expansion.failure === 'noSuchDomain' ? null : expansion;
}

/** Names of this very host that are no domains of the directory: mail for them must not be relayed back to us. */
async function mayNotBeOurs(address: Address, expansion: Expansion | null, session: SmtpSession): Promise<Reply | null> {
  const text = formatAddress(address);
  if (expansion !== null) return null;
  const { role, connection, settings, trusted, login } = session;
  const unknown: Reply = { code: 550, detail: '1.1', text: `<${text}>: Recipient address rejected: User unknown in local recipient table` };
  if (role.finalDelivery) return unknown;
  // Others hear "Relay access denied" from the policy.
  if (!trusted && login === null) return null;
  if (isRouted(address.localPart))
    return { code: 550, detail: '1.3', text: `<${text}>: Recipient address rejected: source routing is not supported` };
  const literal = addressLiteral(address.domain);
  const here = [settings.hostname.toLowerCase(), 'localhost', 'localhost.localdomain'].includes(address.domain);
  return here || literal === connection.localAddress ? unknown : null;
}

async function ask(address: Address, expansion: Expansion | null, session: SmtpSession): Promise<Reply | null> {
  const { role, shared, transaction, login, deps } = session;
  const subject = await session.subject(address, expansion, false);
  if (role.senderMustBelongToLogin && login !== null && transaction!.reversePath !== null) {
    if (!(await deps.directory.maySendAs(login, transaction!.reversePath))) {
      const sender = formatAddress(transaction!.reversePath);
      return { code: 553, detail: '7.1', text: `<${sender}>: Sender address rejected: not owned by user ${login.address}` };
    }
  }
  return role.finalDelivery ? shared.policy.listed(subject) : shared.policy.recipient(subject, role.stages);
}

function dsnOptions(text: string, isExtended: boolean): Pick<ForwardPath, 'notify' | 'orcpt'> | Reply {
  const options: { notify?: DsnNotify; orcpt?: string } = {};
  for (const [keyword, value] of esmtpParameters(text)) {
    if (!isExtended || (keyword !== 'NOTIFY' && keyword !== 'ORCPT'))
      return { code: 555, detail: '5.4', text: `Unsupported option: ${keyword}` };
    if (keyword === 'NOTIFY') {
      const notify = dsnNotify(value);
      if (notify === null) return { code: 501, detail: '5.4', text: 'Error: Bad NOTIFY parameter syntax' };
      options.notify = notify;
    } else {
      const orcpt = originalRecipient(value);
      if (orcpt === null) return { code: 501, detail: '5.4', text: 'Error: Bad ORCPT parameter syntax' };
      options.orcpt = orcpt;
    }
  }
  return options;
}

/**
 *     notify-esmtp-value = "NEVER" / 1#notify-list-element
 *     notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
 *
 * RFC 3461 4.1
 */
function dsnNotify(value: string | null): DsnNotify | null {
  const words = (value ?? '').toLowerCase().split(',');
  if (words.length === 1 && words[0] === 'never') return 'never';
  const known = words.filter((word) => word === 'success' || word === 'failure' || word === 'delay');
  return known.length === words.length && new Set(words).size === words.length ? known : null;
}

/** `addr-type ";" xtext`; UTF-8 as it is for addr-type utf-8. RFC 3461 4.2, RFC 6533 3 */
function originalRecipient(value: string | null): string | null {
  const [, type, address] = /^([A-Za-z0-9-]{1,64});(.{1,500})$/.exec(value ?? '') ?? [];
  if (type === undefined || address === undefined) return null;
  if (type.toLowerCase() === 'utf-8') return /[\x00-\x20\x7f]/.test(address) ? null : `${type};${address}`;
  try {
    return `${type};${decodeXtext(address)}`;
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}
