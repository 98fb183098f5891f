// Messages to append, all that a search may ask of them known beforehand.
import { randomInt } from 'node:crypto';

export interface SourceMessage {
  /** With its angle brackets. */
  readonly id: string;
  readonly text: string;
  readonly subject: string;
  /** Of the Date field, days since 1970 as it is written. */
  readonly sentDay: number;
  /** Of the body, lower case. */
  readonly words: readonly string[];
}

const vocabulary = 'quick brown jumps lazy maildir index worker journal bench delta kappa sigma tango whisky zulu'.split(' ');
const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const pick = <T>(from: readonly T[]): T => from[randomInt(from.length)]!;

/** `7-Mar-2025`. RFC 9051 9 (date) */
export function searchDate(day: number): string {
  const date = new Date(day * 86_400_000);
  return `${date.getUTCDate()}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
}

/** Plain, alternative, with a message inside, with an attachment; Message-IDs are unique. */
export function sourceMessages(count: number): SourceMessage[] {
  return Array.from({ length: count }, (_, n) => {
    const id = `<stress.${n}.${randomInt(1 << 30)}@stress.test>`;
    const sentDay = 20_000 + randomInt(20);
    const date = new Date(sentDay * 86_400_000 + randomInt(86_400_000));
    const zone = pick(['+0000', '+0200', '-0800', '+0530']);
    const words = Array.from({ length: 5 + randomInt(60) }, () => pick(vocabulary));
    const subject = `${pick(['', 'Re: ', 'Fwd: '])}${pick(vocabulary)} ${pick(vocabulary)} ${n}`;
    const body = words.join(' ').replace(/(.{60}\S*) /g, '$1\r\n');
    const head = [
      `From: Sender ${n} <from${n}@stress.test>`,
      `To: ${n % 3 === 0 ? 'group: one@stress.test, two@stress.test;' : `to${n}@stress.test`}`,
      ...(n % 4 === 0 ? [`Cc: "Carbon, Copy" <cc${n}@stress.test>`] : []),
      `Subject: ${subject}`,
      `Date: ${pick(['Mon', 'Tue'])}, ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ${date.toISOString().slice(11, 19)} ${zone}`,
      `Message-ID: ${id}`,
      ...(n % 5 === 0 ? [`References: <a.${n}@stress.test> <b.${n}@stress.test>`, `In-Reply-To: <b.${n}@stress.test>`] : []),
    ];
    const shapes = [
      () => [...head, '', body, ''],
      () => [...head, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 7bit', '', body, ''],
      () => [
        ...head,
        'MIME-Version: 1.0',
        'Content-Type: multipart/alternative; boundary="=_b"',
        '',
        '--=_b',
        'Content-Type: text/plain',
        '',
        body,
        '--=_b',
        'Content-Type: text/html',
        '',
        `<p>${words[0]}</p>`,
        '--=_b--',
        '',
      ],
      () => [
        ...head,
        'MIME-Version: 1.0',
        'Content-Type: multipart/mixed; boundary=m',
        '',
        '--m',
        '',
        body,
        '--m',
        'Content-Type: message/rfc822',
        '',
        `Subject: inner ${n}`,
        'From: inner@stress.test',
        '',
        'inner text',
        '--m',
        'Content-Type: application/octet-stream; name="a.bin"',
        'Content-Disposition: attachment; filename="a.bin"',
        'Content-Transfer-Encoding: base64',
        '',
        'AAECAwQFBgcICQ==',
        '--m--',
        '',
      ],
    ];
    return { id, text: shapes[n % shapes.length]!().join('\r\n'), subject, sentDay, words };
  });
}
