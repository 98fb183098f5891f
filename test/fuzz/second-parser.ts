// What two other parsers make of the same messages: mailparser, and Python's email package.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { simpleParser } from 'mailparser';
import { formatAddress } from '../../src/mail/address.ts';
import { addressList } from '../../src/mail/header/addresses.ts';
import { fieldBody, splitHeader } from '../../src/mail/header/fields.ts';
import { paramText } from '../../src/mail/header/params.ts';
import { decodeWords, encodeWords } from '../../src/mail/header/words.ts';
import { messageFacts } from '../../src/mail/mime/facts.ts';
import type { Part } from '../../src/mail/mime/part.ts';
import { decodeTransfer } from '../../src/mail/mime/transfer.ts';

/** What is compared. */
export interface Reading {
  /** Of the parts that hold no others, in order. */
  readonly types: readonly string[];
  /** Their octets, transfer encoding undone, line ends LF. */
  readonly bodies: readonly string[];
  /** Their file names, '' for none. */
  readonly names: readonly string[];
  readonly subject: string;
  readonly from: readonly string[];
}

const plain = (octets: Buffer): string => octets.toString('latin1').replaceAll('\r\n', '\n');
const squeezed = (text: string): string => text.replace(/\s+/g, ' ').trim();

export function ours(octets: Buffer): Reading {
  const { root } = messageFacts(octets);
  const header = octets.toString('latin1', root.header, root.start);
  const fields = splitHeader(header);
  const body = (key: string): string => {
    const field = fields.find((one) => one.key === key);
    return field === undefined ? '' : fieldBody(header, field);
  };
  const leaves: Part[] = [];
  const walk = (part: Part): void => {
    if (part.parts !== undefined && part.parts.length > 0) part.parts.forEach(walk);
    else if (part.message !== undefined) walk(part.message.root);
    else leaves.push(part);
  };
  walk(root);
  return {
    types: leaves.map(({ type, subtype }) => `${type}/${subtype}`),
    bodies: leaves.map(({ start, end, encoding }) => plain(decodeTransfer(octets.subarray(start, end), encoding))),
    names: leaves.map(
      ({ disposition, params }) =>
        (disposition === null ? null : paramText(disposition.params, 'filename')) ?? paramText(params, 'name') ?? '',
    ),
    subject: squeezed(decodeWords(body('subject'))),
    from: addressList(body('from'))
      .filter(({ mailbox, domain }) => mailbox !== null && domain !== null)
      .map(({ mailbox, domain }) => formatAddress({ localPart: mailbox!, domain: domain! })),
  };
}

export async function mailparsers(octets: Buffer): Promise<Pick<Reading, 'subject' | 'from'>> {
  const { subject, from } = await simpleParser(octets, { skipTextToHtml: true, skipImageLinks: true });
  const flat = (
    values: readonly { address?: string | undefined; group?: readonly { address?: string | undefined }[] | undefined }[],
  ): string[] => values.flatMap(({ address, group }) => (group === undefined ? [address ?? ''] : flat(group)));
  return { subject: squeezed(subject ?? ''), from: flat(from?.value ?? []).filter((address) => address !== '') };
}

export interface Python {
  read(octets: Buffer): Promise<Reading | null>;
  close(): void;
}

/** @throws ENOENT where there is no python3 */
export async function python(): Promise<Python> {
  const child = spawn('python3', [fileURLToPath(new URL('second-parser.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async read(octets) {
      child.stdin.write(`${octets.toString('base64')}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error('python3 ended');
      const answer = JSON.parse(value as string) as { error?: string } & { [K in keyof Reading]: Reading[K] };
      if (answer.error !== undefined) return null;
      return {
        types: answer.types,
        bodies: answer.bodies.map((text) => plain(Buffer.from(text, 'base64'))),
        names: answer.names.map((name) => name ?? ''),
        subject: squeezed(answer.subject),
        from: answer.from.filter((address) => address.includes('@')),
      };
    },
    close: () => void child.kill(),
  };
}

type Random = () => number;

/** A message as RFC 5322 and MIME have it, of parts within parts, with what mail programs put into fields. */
export function wellFormed(random: Random): string {
  const pick = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const word = (): string =>
    pick(
      'a',
      'Müller',
      '日本語 text',
      'x y',
      'O’Neil',
      'a=b',
      'Ünïcode wörds that are long enough to need more than one of them',
      '100%',
      '?=',
    );
  const address = (): string => {
    const spec = pick('ann@example.com', '"a b"@example.org', 'x.y+z@sub.example.net', 'bob@[192.0.2.1]');
    const name = pick('', `${encodeWords(word()).replaceAll('\r\n', '\n')} `, '"Quoted, \\"Name\\"" ', 'Plain Name ');
    const comment = pick('', '', ' (a comment (nested))');
    return name === '' ? `${spec}${comment}` : `${name}<${spec}>${comment}`;
  };
  const text = (): string => pick('hello\nworld\n', 'Größe\n', '.\n..\nFrom x\n', 'a line\n\nanother\n', '--\nsignature\n', '');
  let boundaries = 0;
  const entity = (depth: number): string => {
    if (depth < 3 && random() < 0.45) {
      const boundary = pick(`b${++boundaries}`, `=_${++boundaries}.x`, `b ${++boundaries} c`, `B'()+_,-./:=?${++boundaries}`);
      const kind = pick('mixed', 'alternative', 'related', 'digest');
      const inner = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
        kind === 'digest' ? `\n${whole(depth + 1)}` : entity(depth + 1),
      );
      const fold = pick(' ', '\n\t', '\n ');
      return `Content-Type: multipart/${kind};${fold}boundary="${boundary}"\n\n${pick('', 'preamble\n')}${inner.map((part) => `--${boundary}${pick('', '  ')}\n${part}\n`).join('')}--${boundary}--\n${pick('', 'epilogue\n')}`;
    }
    if (depth < 3 && random() < 0.1) return `Content-Type: message/rfc822\n\n${whole(depth + 1)}`;
    const octets = Buffer.from(text());
    const name = pick(
      '',
      '',
      `; filename="${pick('x.txt', 'a b.pdf', 'semi;colon.txt')}"`,
      "; filename*=utf-8''%e2%82%ac%20rates.txt",
      "; filename*0*=utf-8''%c3%a9; filename*1=x.txt",
    );
    const disposition = name === '' ? '' : `Content-Disposition: ${pick('attachment', 'inline')}${name}\n`;
    const type = `Content-Type: ${pick('text/plain', 'text/html', 'application/octet-stream', 'TEXT/Plain')}; charset=utf-8\n`;
    if (random() < 0.4) {
      const base64 = octets.toString('base64').replace(/(.{40})/g, '$1\n');
      return `${type}${disposition}Content-Transfer-Encoding: base64\n\n${base64}\n`;
    }
    if (random() < 0.5) {
      const qp = octets
        .toString('latin1')
        .replace(/[=\x80-\xff]/g, (c) => `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
      return `${type}${disposition}Content-Transfer-Encoding: quoted-printable\n\n${qp.replaceAll('rl', 'r=\nl')}`;
    }
    return `${type}${disposition}Content-Transfer-Encoding: 8bit\n\n${octets.toString('latin1')}`;
  };
  const whole = (depth: number): string => {
    const list = Array.from({ length: 1 + Math.floor(random() * 2) }, address).join(pick(', ', ',\n '));
    const group = random() < 0.1 ? `Friends: ${list};` : list;
    const subject = pick(
      encodeWords(`${word()} ${word()}`).replaceAll('\r\n', '\n'),
      'plain subject',
      'folded\n subject',
      '=?utf-8?q?a_b?= =?utf-8?q?_c?= d',
      '=?iso-8859-1*en?q?caf=E9?=',
      '',
    );
    return `From: ${group}\nSubject: ${subject}\nMIME-Version: 1.0\n${entity(depth)}`;
  };
  return whole(0);
}
