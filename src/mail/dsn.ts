import { formatDate } from './date.ts';
import { type DsnKind, type DsnLanguage, dsnWording } from './dsn-text.ts';
import { encodeWords } from './header/words.ts';

export type { DsnKind, DsnLanguage } from './dsn-text.ts';

export interface DsnRecipient {
  /** `local@domain` the message was to be delivered to at last. */
  readonly final: string;
  /** Decoded ORCPT, `addr-type;address`. RFC 3461 4.2 */
  readonly original?: string;
  /** `5.1.1`. RFC 3463 */
  readonly status: string;
  /** What the next hop said, or this system; with its code where the next hop said it. */
  readonly diagnostic: string;
  /** Next hop's name; absent where this system decided. */
  readonly remoteMta?: string;
  /** Milliseconds since 1970. */
  readonly lastAttempt?: number;
  /** Milliseconds since 1970; delay only. */
  readonly retryUntil?: number;
}

export interface Dsn {
  readonly kind: DsnKind;
  readonly language: DsnLanguage;
  /** This server's name. */
  readonly hostname: string;
  /** Whom it goes to: the reverse path of the message it is about. Never ''. */
  readonly to: string;
  /** Decoded. RFC 3461 4.4 */
  readonly envid?: string;
  /** When the message came, and now; milliseconds since 1970. */
  readonly arrival: number;
  readonly now: number;
  readonly queueId: string;
  readonly recipients: readonly DsnRecipient[];
  /** What is attached: the message, or its header alone (text as in the file). */
  readonly returns: 'full' | 'headers';
  /** Whether the original has 8-bit octets. */
  readonly eightBit: boolean;
}

const actions: Readonly<Record<DsnKind, string>> = {
  failure: 'failed',
  delay: 'delayed',
  success: 'delivered',
  relayed: 'relayed',
  expanded: 'expanded',
};

/**
 * A delivery status notification: `head`, then the original message or header (LF line ends, ending with a line end), then
 * `tail`. Its envelope sender must be `<>`. RFC 3464; internationalised addresses RFC 6533.
 */
export function formatDsn(dsn: Dsn): { head: Buffer; tail: Buffer; messageId: string } {
  const { hostname, kind, now } = dsn;
  const wording = dsnWording[dsn.language];
  // Addresses above ASCII need the internationalised types. RFC 6533 3
  const international = /[^\x00-\x7f]/.test([dsn.to, ...dsn.recipients.flatMap(({ final, original }) => [final, original ?? ''])].join());
  const boundary = `${dsn.queueId}.${now}/${hostname}`;
  const messageId = `<${now}.${dsn.queueId}@${hostname}>`;
  const date = formatDate(now, 0);
  const full = dsn.returns === 'full';
  const head = `Date: ${date}
From: MAILER-DAEMON@${hostname} (Mail Delivery System)
To: ${oneLine(dsn.to)}
Subject: ${encodeWords(wording.subject[kind]).replaceAll('\r\n', '\n')}
Message-ID: ${messageId}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="${boundary}"${dsn.language === 'en' ? '' : `\nContent-Language: ${dsn.language}`}

This is a MIME-encapsulated message.

--${boundary}
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

${humanText(dsn)}
--${boundary}
Content-Description: Delivery report
Content-Type: message/${international ? 'global-' : ''}delivery-status${international ? '\nContent-Transfer-Encoding: 8bit' : ''}

${statusText(dsn, international)}
--${boundary}
Content-Description: ${kind === 'failure' ? 'Undelivered Message' : 'Message'}${full ? '' : ' Headers'}
Content-Type: ${originalType(full, international)}${dsn.eightBit ? '\nContent-Transfer-Encoding: 8bit' : ''}

`;
  return { head: Buffer.from(head), tail: Buffer.from(`\n--${boundary}--\n`), messageId };
}

function originalType(full: boolean, international: boolean): string {
  if (full) return international ? 'message/global' : 'message/rfc822';
  return international ? 'message/global-headers' : 'text/rfc822-headers';
}

function humanText(dsn: Dsn): string {
  const wording = dsnWording[dsn.language];
  const until = Math.max(0, ...dsn.recipients.map(({ retryUntil }) => retryUntil ?? 0));
  const closing = (wording.closing[dsn.kind] ?? '').replace('{until}', until === 0 ? '…' : formatDate(until, 0));
  const list = dsn.recipients.map(({ final, diagnostic, remoteMta }) => {
    const said = remoteMta === undefined ? oneLine(diagnostic) : `${oneLine(remoteMta)}: ${oneLine(diagnostic)}`;
    return `<${oneLine(final)}>: ${said}\n`;
  });
  const paragraphs = [wording.opening[dsn.kind].replace('{host}', dsn.hostname), closing, wording.attached[dsn.returns], list.join('\n')];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

/** RFC 3464 2.2, 2.3 */
function statusText(dsn: Dsn, international: boolean): string {
  const type = international ? 'utf-8' : 'rfc822';
  const fields = [`Reporting-MTA: dns; ${dsn.hostname}`];
  if (dsn.envid !== undefined) fields.push(`Original-Envelope-Id: ${oneLine(dsn.envid)}`);
  fields.push(
    `X-Postcote-Queue-ID: ${dsn.queueId}`,
    `X-Postcote-Sender: ${type}; ${oneLine(dsn.to)}`,
    `Arrival-Date: ${formatDate(dsn.arrival, 0)}`,
  );
  const groups = dsn.recipients.map((recipient) => {
    const lines: string[] = [];
    if (recipient.original !== undefined) lines.push(`Original-Recipient: ${oneLine(recipient.original).replace(/^([^;]+); ?/, '$1; ')}`);
    lines.push(
      `Final-Recipient: ${type}; ${oneLine(recipient.final)}`,
      `Action: ${actions[dsn.kind]}`,
      `Status: ${status(recipient.status, dsn.kind)}`,
    );
    if (recipient.remoteMta !== undefined) lines.push(`Remote-MTA: dns; ${oneLine(recipient.remoteMta)}`);
    const diagnosticType = recipient.remoteMta !== undefined && /^[2-5]\d\d/.test(recipient.diagnostic) ? 'smtp' : 'X-Postcote';
    lines.push(`Diagnostic-Code: ${diagnosticType}; ${oneLine(recipient.diagnostic)}`);
    if (recipient.lastAttempt !== undefined) lines.push(`Last-Attempt-Date: ${formatDate(recipient.lastAttempt, 0)}`);
    if (dsn.kind === 'delay' && recipient.retryUntil !== undefined) lines.push(`Will-Retry-Until: ${formatDate(recipient.retryUntil, 0)}`);
    return lines.join('\n');
  });
  return `${fields.join('\n')}\n\n${groups.join('\n\n')}\n`;
}

/** A status code of the class that fits. RFC 3464 2.3.4 */
function status(code: string, kind: DsnKind): string {
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(code)) return code;
  return kind === 'failure' ? '5.0.0' : kind === 'delay' ? '4.0.0' : '2.0.0';
}

/** No line breaks or controls from outside get into a field. */
function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 900);
}
