import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { formatAddress, splitAddress } from '../../../src/mail/address.ts';
import { baseSubject } from '../../../src/mail/base-subject.ts';
import { charsetDecoder, decodeCharset } from '../../../src/mail/charset.ts';
import { formatDate, parseDate } from '../../../src/mail/date.ts';
import { addressList } from '../../../src/mail/header/addresses.ts';
import { fieldBody, splitHeader } from '../../../src/mail/header/fields.ts';
import { headerFilter } from '../../../src/mail/header/filter.ts';
import { contentDisposition, contentType, paramText } from '../../../src/mail/header/params.ts';
import { decodeWords, encodeWords } from '../../../src/mail/header/words.ts';
import { CrlfWriter, LfWriter, toCrlf } from '../../../src/mail/line-ends.ts';
import { HeaderGuard } from '../../../src/mail/message-fixups.ts';
import { FactsReader, messageFacts } from '../../../src/mail/mime/facts.ts';
import { htmlText } from '../../../src/mail/mime/html.ts';
import type { Part } from '../../../src/mail/mime/part.ts';
import { resolveSection } from '../../../src/mail/mime/section.ts';
import { bodyText, headerText } from '../../../src/mail/mime/text.ts';
import { decodeTransfer, transferDecoder } from '../../../src/mail/mime/transfer.ts';
import { path } from '../../../src/smtp/grammar/path.ts';
import { type FuzzTarget, pieces, same } from '../target.ts';

export const text = (name: string, run: (input: string) => unknown, ...seeds: string[]): FuzzTarget => ({ name, seeds, run });

const message =
  'From: =?utf-8?q?A=C3=A9?= <a@b.example>\nTo: "x y" <c@d>, g: e@f;\nDate: Mon, 1 Jan 2024 00:00:00 +0100 (x)\nContent-Type: multipart/mixed; boundary="b c"; a*0*=utf-8\'\'%41; a*1=b\n\n' +
  '--b c\nContent-Type: text/html; charset=iso-2022-jp\nContent-Transfer-Encoding: quoted-printable\n\n<p>=41</p>\n--b c\nContent-Type: message/rfc822\n\nSubject: in\n\nx\n--b c\nContent-Transfer-Encoding: base64\n\nQUJD\n--b c--\nafter\n';

const fieldNames = [
  'subject',
  'from',
  'to',
  'cc',
  'date',
  'content-type',
  'mime-version',
  'content-transfer-encoding',
  'content-disposition',
];

/** Every part lies within its parent, in order, and none begins before its header. */
function within(part: Part, from: number, to: number): void {
  const { header, start, end } = part;
  if (!(from <= header && header <= start && start <= end && end <= to))
    throw new Error(`a part at ${header}-${start}-${end} in ${from}-${to}`);
  let at = start;
  for (const child of part.parts ?? []) {
    within(child, at, end);
    at = child.end;
  }
  if (part.message !== undefined) within(part.message.root, start, end);
}

/** A response without its literals has no line end. */
function onOneLine(wire: string): void {
  let rest = wire;
  for (let literal = /~?\{(\d+)\}\r\n/.exec(rest); literal !== null; literal = /~?\{(\d+)\}\r\n/.exec(rest)) {
    if (/[\r\n\0]/.test(rest.slice(0, literal.index))) break;
    rest = rest.slice(literal.index + literal[0].length + Number(literal[1]));
  }
  if (/[\r\n\0]/.test(rest)) throw new Error(`a line end on the wire: ${JSON.stringify(wire)}`);
}

/** A decoder gives the same however its input is cut. */
function streamed(
  what: string,
  decoder: { write(octets: Buffer): Buffer; end(): Buffer },
  whole: Buffer,
  octets: Buffer,
  random: () => number,
): void {
  const out = [...pieces(octets, random)].map((piece) => Buffer.from(decoder.write(Buffer.from(piece))));
  if (!Buffer.concat([...out, decoder.end()]).equals(whole)) throw new Error(`${what}: another answer when the octets come in pieces`);
}

export const mailTargets: readonly FuzzTarget[] = [
  {
    name: 'message',
    seeds: [
      message,
      message.replaceAll('\n', '\r\n'),
      'Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nA: b\r\n\r\nc\r\n--a--',
    ],
    words: [
      'Content-Type: ',
      'multipart/mixed; boundary=b\n',
      'message/rfc822\n',
      '--b\n',
      '--b--\n',
      'Content-Transfer-Encoding: base64\n',
      '\n\n',
    ],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const whole = messageFacts(octets);
      const reader = new FactsReader();
      for (const piece of pieces(octets, random)) reader.write(piece);
      if (!isDeepStrictEqual(reader.end(), whole)) throw new Error('another answer when the octets come in pieces');
      within(whole.root, 0, octets.length);
      if (whole.virtualSize !== toCrlf(octets).length) throw new Error(`virtual size ${whole.virtualSize}`);
      for (const wire of [whole.envelope, whole.body, whole.bodyStructure]) onOneLine(wire);
      for (const spec of ['', 'HEADER', 'TEXT', '1', '1.1', '2.MIME', '2.HEADER', '2.1', '1.2.3']) resolveSection(whole.root, spec);
      return whole;
    },
  },
  {
    name: 'message text',
    seeds: [message, 'Content-Type: text/plain; charset=utf-7\nContent-Transfer-Encoding: base64\n\nK0FHRS0=\n'],
    run(input) {
      const octets = Buffer.from(input, 'latin1');
      const { root } = messageFacts(octets);
      headerText(octets.subarray(root.header, root.start));
      return [...bodyText(root, (from, to) => octets.subarray(from, to))];
    },
  },
  {
    name: 'header',
    seeds: ['A: b\n c\nD : e\r\n\n', ': x\n', 'Subject: =?utf-8?b?w6k=?=\n\ta\n'],
    run(input) {
      const fields = splitHeader(input);
      let at = 0;
      for (const field of fields) {
        const { start, value, end, name, key } = field;
        if (!(at <= start && start < value && value <= end && end <= input.length))
          throw new Error(`a field at ${start}-${value}-${end} after ${at}`);
        if (name === '' || key !== name.toLowerCase() || /[:\n]/.test(name)) throw new Error(`name ${JSON.stringify(name)}`);
        if (/[\r\n]/.test(fieldBody(input, field).replace(/\r(?!\n)/g, ''))) throw new Error('a fold in a field body');
        at = end;
      }
      // What is left out and what is picked are together the whole.
      const octets = Buffer.from(input, 'latin1');
      const picked = splitHeader(headerFilter(fieldNames)(octets)).length;
      const others = splitHeader(headerFilter(fieldNames, true)(octets)).length;
      if (fields.length < 10_000 && picked + others !== fields.length) throw new Error(`${picked} + ${others} of ${fields.length} fields`);
      return fields;
    },
  },
  {
    name: 'header guard',
    seeds: ['From a@b\nA: b\n\nx', '>From x\nA: b\nc\n', 'A: b\n c\n'],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const through = (chunks: Iterable<Buffer>): string => {
        const guard = new HeaderGuard();
        const out: Buffer[] = [];
        for (const chunk of chunks) out.push(...guard.write(Buffer.from(chunk)).map((piece) => Buffer.from(piece)));
        return Buffer.concat([...out, ...guard.end()]).toString('latin1');
      };
      const whole = through([octets]);
      same('in pieces', through(pieces(octets, random)), whole);
      same('again', through([Buffer.from(whole, 'latin1')]), whole);
      return whole;
    },
  },
  text('addresses', (input) => addressList(input), '"a b" <c@d>, g: e@f, h@[1.2.3.4];, (x (y)) i.j@k', '=?x?q?y?= <@a,@b:c@d>'),
  {
    name: 'address',
    seeds: ['"a\\"b"@c.example', 'a+b@xn--c', 'a@[IPv6:::1]'],
    run(input) {
      const parts = splitAddress(input);
      if (parts === null) return null;
      same(
        'put together again',
        `${parts.localPart}@${parts.domain}`,
        `${parts.localPart}@${input.slice(input.lastIndexOf('@') + 1).toLowerCase()}`,
      );
      if (!/[^\x20-\x7e]/.test(input)) path(`<${formatAddress(parts)}>`.replace(/@[^@]*>$/, '@x.example>'));
      return parts;
    },
  },
  {
    name: 'content type',
    seeds: ['text/plain; charset="utf-8"; a*0*=utf-8\'en\'%41; a*1="b"; c=d (e)', "a/b; x*=utf-8''%zz"],
    run(input) {
      const found = contentType(input);
      for (const [name] of found?.params ?? []) {
        if (name !== name.toLowerCase()) throw new Error(`name ${name}`);
        paramText(found!.params, name);
      }
      return found;
    },
  },
  text('disposition', contentDisposition, 'attachment; filename*=utf-8\'\'%e2%82%ac; filename="x.txt"', 'inline; a*1=b; a*0=c'),
  {
    name: 'words',
    seeds: ['=?utf-8?b?w6k=?= =?iso-2022-jp?q?=1B$B?= x =?gb18030?Q?a?=', '=?us-ascii*en?q?a_b?='],
    run(input) {
      const decoded = decodeWords(input);
      if (!decoded.isWellFormed()) throw new Error('half a character');
      // What is written as encoded words is read as it was.
      const plain = decoded.replace(/[\x00-\x1f\x7f]/g, '').slice(0, 500);
      const written = Buffer.from(encodeWords(plain), 'utf8').toString('latin1').replaceAll('\r\n ', ' ');
      if (!plain.includes('=?')) same('written and read again', decodeWords(written).replace(/\s+/g, ' '), plain.replace(/\s+/g, ' '));
      return decoded;
    },
  },
  {
    name: 'date',
    seeds: ['Mon, 1 Jan 2024 00:00:00 +0100 (CET)', '31 Feb 99 24:61 EST', 'Sat Feb  1 01:02:03 2007'],
    run(input) {
      const date = parseDate(input);
      if (date === null) return null;
      if (!Number.isSafeInteger(date.time) || !Number.isSafeInteger(date.day)) throw new Error(JSON.stringify(date));
      const { time } = date;
      if (time > -50_000_000_000_000 && time < 250_000_000_000_000)
        same('written and read again', parseDate(formatDate(time, 90))?.time, time);
      return date;
    },
  },
  text('subject', baseSubject, 'Re: [x] Fwd: [fwd: a] (fwd)', 're [a][b]: c'),
  text('html', htmlText, '<p>a<script>b</script>&amp;&#x41;<!-- c -->', '<a href="b>c">&lt'),
  {
    name: 'transfer',
    seeds: ['q=41=\r\nb=C3=A9 \n=zz', 'bQUJD\r\nREVG=', 'ubegin 644 a\n#86)C\n`\nend\n'],
    run(input, random) {
      const name = input.startsWith('q') ? 'quoted-printable' : input.startsWith('b') ? 'base64' : 'x-uuencode';
      const octets = Buffer.from(input.slice(1), 'latin1');
      const whole = decodeTransfer(octets, name);
      streamed(name, transferDecoder(name), whole, octets, random);
      return whole;
    },
  },
  {
    name: 'charset',
    seeds: [
      'utf-8:\xc3\xa9\xff',
      'iso-2022-jp:\x1b$B$"\x1b(B',
      'gb18030:\x81\x30',
      'utf-7:+AOk-',
      'utf-16:\xfe\xff\0a',
      'shift_jis:\x82\xa0',
    ],
    run(input, random) {
      const colon = input.indexOf(':');
      const octets = Buffer.from(input.slice(colon + 1), 'latin1');
      const charset = input.slice(0, Math.max(0, colon));
      const whole = decodeCharset(octets, charset);
      if (!whole.isWellFormed()) throw new Error('half a character');
      const decoder = charsetDecoder(charset);
      const parts = [...pieces(octets, random)].map((piece) => decoder.write(piece));
      // What says no charset, or an unknown one, is guessed from all octets where they are together; escapes end with their line.
      const stateful = /^iso-2022-jp$/i.test(charset);
      const known = /^(?:gb18030|gbk|euc-jp|shift_jis|big5|utf-16)$/.test(charset) || isUtf8(octets);
      if (stateful ? !octets.includes(10) : known) same('in pieces', parts.join('') + decoder.end(), whole);
      return whole;
    },
  },
  {
    name: 'line ends',
    seeds: ['a\nb\r\nc\rd', '\r\r\n\n'],
    run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const crlf = toCrlf(Buffer.from(octets));
      if (/(?<!\r)\n/.test(crlf.toString('latin1'))) throw new Error('a bare LF');
      const crlfs = new CrlfWriter();
      streamed('to CRLF', { write: (piece) => crlfs.write(piece), end: () => Buffer.alloc(0) }, crlf, octets, random);
      same('twice', toCrlf(Buffer.from(crlf)).toString('latin1'), crlf.toString('latin1'));
      const whole = Buffer.from(input.replaceAll('\r\n', '\n'), 'latin1');
      streamed('to LF', new LfWriter(), whole, octets, random);
      return crlf;
    },
  },
];
