// Messages like people's: names, threads, alternatives, attachments; the same for every server and run.
import { createHash } from 'node:crypto';
import { domain } from '../servers/server.ts';

const people = [
  'Ann Archer',
  'Béla Bartók',
  'Chiyo Tanaka',
  'Dmitri Orlov',
  'Eve Adams',
  'Farid Haddad',
  'Grace Kim',
  'Hugo Blanc',
  'Ines Costa',
  'Jonas Berg',
];
const words =
  'account agenda answer archive balance board budget cable calendar chapter choice client column contract copper corner credit danger debate delta device dinner doctor driver editor effect engine estate export fabric family figure filter finger forest format garden ground handle height helium honest island jacket junior kernel ladder lawyer leader letter linear logic magnet margin market matter memory method middle mirror moment motion nature nickel number object office orange output oxygen packet palace pencil people period planet pocket policy prefer quartz random reason record remedy report result ribbon rocket safety sample school season secret senior signal silver simple sister sketch spirit spring stable status strain stream string studio supply switch symbol system talent target tenant theory ticket timber tissue tongue travel trophy tunnel turtle update useful valley vector vendor velvet victim visual volume wealth weapon weight window winter wonder yellow zigzag'.split(
    ' ',
  );

/** A small generator that gives the same numbers for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const encoded = (name: string): string => (/^[\x20-\x7e]*$/.test(name) ? name : `=?UTF-8?B?${Buffer.from(name).toString('base64')}?=`);

/** Message n with CRLF line ends, about `size` octets. One in a hundred says `needle` in its body. */
export function message(n: number, size = 4096): Buffer {
  const random = numbers(n * 2654435761 + 1);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const sentence = (length: number): string => Array.from({ length }, () => pick(words)).join(' ');
  const from = pick(people);
  const thread = Math.floor(n / 5);
  const id = (k: number): string => `<m${k}.${createHash('md5').update(String(k)).digest('hex').slice(0, 12)}@${domain}>`;
  const first = thread * 5;
  const references = Array.from({ length: n - first }, (_, k) => id(first + k));
  const subjectRandom = numbers(thread + 7);
  const subject = Array.from({ length: 4 }, () => words[Math.floor(subjectRandom() * words.length)]!).join(' ');
  const date = new Date(Date.UTC(2024, 0, 1) + n * 613_000).toUTCString().replace('GMT', '+0000');
  const lines: string[] = [];
  let octets = 900;
  while (octets < size * 0.6) {
    const line = sentence(9);
    lines.push(line);
    octets += line.length + 2;
  }
  if (n % 100 === 7) lines.push('here the needle lies in the hay');
  const html = `<html><body>${lines.map((line) => `<p>${line}</p>`).join('\r\n')}</body></html>`
    .slice(0, Math.max(200, size - octets))
    .replace(/\r$/, '');
  const boundary = `b${n}=_x`;
  return Buffer.from(
    [
      `Return-Path: <p${n % 10}@elsewhere.example>`,
      `Received: from mx.elsewhere.example (mx.elsewhere.example [192.0.2.7]) by mail.${domain} with ESMTPS id Q${n} for <u@${domain}>; ${date}`,
      `From: ${encoded(from)} <p${n % 10}@elsewhere.example>`,
      `To: Somebody <u@${domain}>`,
      ...(n % 3 === 0 ? [`Cc: ${encoded(pick(people))} <cc${n % 7}@third.example>`] : []),
      `Subject: ${n === first ? '' : 'Re: '}${subject}`,
      `Date: ${date}`,
      `Message-ID: ${id(n)}`,
      ...(references.length > 0 ? [`In-Reply-To: ${references.at(-1)}`, `References: ${references.join('\r\n ')}`] : []),
      'MIME-Version: 1.0',
      `Content-Type: multipart/alternative; boundary="${boundary}"`,
      'X-Mailer: corpus',
      '',
      `--${boundary}`,
      'Content-Type: text/plain; charset=utf-8',
      '',
      ...lines,
      `--${boundary}`,
      'Content-Type: text/html; charset=utf-8',
      '',
      html,
      `--${boundary}--`,
      '',
    ].join('\r\n'),
  );
}

/** One with an attachment of `size` octets, base64. */
export function large(size: number): Buffer {
  const line = `${Buffer.alloc(57, 0x5a).toString('base64')}\r\n`;
  return Buffer.from(
    `From: big@elsewhere.example\r\nTo: u@${domain}\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${line.repeat(Math.ceil(size / line.length))}`,
  );
}
