import { randomBytes } from 'node:crypto';
import { type Address, formatAddress } from '../mail/address.ts';
import { formatDate } from '../mail/date.ts';
import type { QueueId } from '../queue/queue.ts';
import type { Hop } from './delivery.ts';
import type { HeaderFacts } from './header.ts';

/**
 * The Received field of this hop, LF line ends. `for` only where there is one recipient, so that none learns of the others.
 * RFC 5321 4.4, 7.6
 */
export function received(hop: Hop, hostname: string, id: QueueId, time: number, only: Address | null): string {
  const literal = hop.remoteAddress.includes(':') ? `IPv6:${hop.remoteAddress}` : hop.remoteAddress;
  const tls = hop.tls === null ? '' : `\n\t(using ${hop.tls.replace(' ', ' with cipher ')})`;
  const recipient = only === null ? '' : `\n\tfor <${formatAddress(only)}>`;
  const helo = comment(hop.helo) || 'unknown';
  const from = `from ${helo} (${comment(hop.remoteName)} [${literal}])${tls}`;
  return `Received: ${from}\n\tby ${hostname} (postcote) with ${hop.protocol} id ${id}${recipient};\n\t${formatDate(time, 0)}\n`;
}

/** Return-Path, X-Original-To and Delivered-To as the LDA puts them first. RFC 5321 4.4 */
export function deliveryFields(reversePath: Address | null, original: string, mailbox: string): string {
  const path = reversePath === null ? '' : formatAddress(reversePath);
  return `Return-Path: <${path}>\nX-Original-To: ${oneLine(original)}\nDelivered-To: ${mailbox}\n`;
}

/** Fields that a submitted message must have and this one lacks. RFC 6409 8.1, 8.2, 8.3 */
export function missingFields(
  facts: HeaderFacts,
  reversePath: Address | null,
  hostname: string,
  time: number,
): { text: string; messageId: string } {
  let text = '';
  let { messageId } = facts;
  if (!facts.hasFrom) text += `From: ${reversePath === null ? `MAILER-DAEMON@${hostname}` : formatAddress(reversePath)}\n`;
  if (!facts.hasDate) text += `Date: ${formatDate(time, 0)}\n`;
  if (messageId === '') {
    messageId = `<${time.toString(36)}.${randomBytes(9).toString('base64url')}@${hostname}>`;
    text += `Message-ID: ${messageId}\n`;
  }
  return { text, messageId };
}

/** What a client called itself, harmless inside a header field. */
function comment(text: string): string {
  return text.replace(/[^\x21-\x7e\u0080-\uffff]|[()\\;]/g, '?').slice(0, 255);
}

function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, '?').slice(0, 998);
}
