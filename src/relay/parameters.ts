import { domainToASCII } from 'node:url';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { Job, QueuedRecipient } from '../queue/transport.ts';
import { encodeXtext } from '../smtp/grammar/xtext.ts';
import { CannotTake } from './cannot-take.ts';
import type { SmtpClient } from './client.ts';
import type { Content } from './content.ts';

export interface Commands {
  readonly mail: string;
  readonly rcpt: (recipient: QueuedRecipient) => string;
  /** 8-bit text must be made 7-bit first. */
  readonly sevenBit: boolean;
  /** The server takes over NOTIFY, RET, ENVID, ORCPT. */
  readonly dsn: boolean;
}

const ascii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/**
 * MAIL and RCPT with what this server knows. RFC 1870, 6152, 3461, 6531, 8689
 *
 * @throws CannotTake
 */
export function commandsFor(client: SmtpClient, job: Job, content: Content): Commands {
  const { extensions } = client;
  const { envelope, recipients } = job;
  const limit = Number(/^\d+/.exec(extensions.get('SIZE') ?? '')?.[0] ?? 0);
  if (limit > 0 && content.size > limit)
    throw new CannotTake(`552 5.3.4 Message of ${content.size} octets is over the limit of ${limit} of ${client.name}`);

  const paths = [...(envelope.reversePath === null ? [] : [envelope.reversePath]), ...recipients.map((one) => one.address)];
  const international = content.eightBitHeader || !paths.every(({ localPart }) => ascii(localPart));
  const utf8 = extensions.has('SMTPUTF8') && (international || !paths.every(({ domain }) => ascii(domain)));
  // Nothing on the way may rewrite local parts or header fields. RFC 6531 3.2, 3.5
  if (international && envelope.smtputf8 && !utf8)
    throw new CannotTake(`550 5.6.7 ${client.name} does not take internationalised mail (SMTPUTF8)`);
  if (!paths.every(({ localPart }) => ascii(localPart)) && !utf8)
    throw new CannotTake(`553 5.6.7 ${client.name} does not take internationalised addresses (SMTPUTF8)`);

  const eightBitMime = extensions.has('8BITMIME');
  const dsn = extensions.has('DSN');
  if (envelope.requireTls) {
    if (client.tls === null || !extensions.has('REQUIRETLS')) throw new CannotTake(`550 5.7.30 ${client.name} does not support REQUIRETLS`);
  }
  const path = (address: Address | null): string => {
    if (address === null) return '<>';
    return `<${formatAddress(utf8 || ascii(address.domain) ? address : { ...address, domain: domainToASCII(address.domain) })}>`;
  };
  const mail = [`MAIL FROM:${path(envelope.reversePath)}`];
  if (extensions.has('SIZE')) mail.push(`SIZE=${content.size}`);
  if (content.eightBit && eightBitMime) mail.push('BODY=8BITMIME');
  if (utf8) mail.push('SMTPUTF8');
  if (envelope.requireTls) mail.push('REQUIRETLS');
  if (dsn && envelope.ret !== undefined) mail.push(`RET=${envelope.ret.toUpperCase()}`);
  if (dsn && envelope.envid !== undefined) mail.push(`ENVID=${encodeXtext(envelope.envid)}`);
  return {
    mail: mail.join(' '),
    rcpt: (recipient) => {
      const parts = [`RCPT TO:${path(recipient.address)}`];
      if (dsn && recipient.notify !== undefined) {
        parts.push(`NOTIFY=${(recipient.notify === 'never' ? ['never'] : recipient.notify).join(',').toUpperCase()}`);
      }
      const orcpt = dsn ? orcptOf(recipient, utf8) : null;
      if (orcpt !== null) parts.push(`ORCPT=${orcpt}`);
      return parts.join(' ');
    },
    sevenBit: content.eightBit && !eightBitMime && !utf8,
    dsn,
  };
}

/** As it came, or the address as it came to us, so that a notice names what the sender wrote. RFC 3461 5.2.1 */
function orcptOf({ orcpt, original }: QueuedRecipient, utf8: boolean): string | null {
  const whole = orcpt ?? `rfc822;${original}`;
  const semicolon = whole.indexOf(';');
  const type = whole.slice(0, semicolon);
  const address = whole.slice(semicolon + 1);
  if (semicolon <= 0) return null;
  if (ascii(address)) return `${type};${encodeXtext(address)}`;
  // RFC 6533 3: utf-8-addr-xtext
  if (utf8) return `utf-8;${address.replace(/[\x00-\x20+=\\\x7f]/g, (c) => `\\x{${c.charCodeAt(0).toString(16).toUpperCase()}}`)}`;
  const escaped = Array.from(address, (c) => (/[!-*,-<>-[\]-~]/.test(c) ? c : `\\x{${c.codePointAt(0)!.toString(16).toUpperCase()}}`)).join(
    '',
  );
  return `utf-8;${escaped}`;
}
