import { isDeepStrictEqual } from 'node:util';
import { Cursor } from '../../src/imap/grammar/cursor.ts';
import { fetchItems } from '../../src/imap/grammar/fetch-items.ts';
import { imapUrl } from '../../src/imap/grammar/imap-url.ts';
import { listArguments } from '../../src/imap/grammar/list.ts';
import { decodeModifiedUtf7 } from '../../src/imap/grammar/modified-utf7.ts';
import { notifyArguments } from '../../src/imap/grammar/notify.ts';
import { searchProgram } from '../../src/imap/grammar/search-key.ts';
import { sequenceSet } from '../../src/imap/grammar/sequence-set.ts';
import { splitAddress } from '../../src/mail/address.ts';
import { parseDate } from '../../src/mail/date.ts';
import { addressList } from '../../src/mail/header/addresses.ts';
import { splitHeader } from '../../src/mail/header/fields.ts';
import { contentDisposition, contentType } from '../../src/mail/header/params.ts';
import { decodeWords } from '../../src/mail/header/words.ts';
import { FactsReader, messageFacts } from '../../src/mail/mime/facts.ts';
import { proxyHeader } from '../../src/net/proxy-protocol.ts';
import { parseFileName } from '../../src/store/files/name.ts';
import { checkName, nameOfFolder } from '../../src/store/files/paths.ts';

/** One parser. It may throw a Fault and nothing else. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with, latin1. */
  readonly seeds: readonly string[];
  run(input: string, random: () => number): void;
}

const imap = (name: string, parse: (line: Cursor) => unknown, ...seeds: string[]): FuzzTarget => ({
  name,
  seeds,
  run: (input) => void parse(new Cursor(input)),
});
const text = (name: string, parse: (input: string) => unknown, ...seeds: string[]): FuzzTarget => ({
  name,
  seeds,
  run: (input) => void parse(input),
});

const message =
  'From: =?utf-8?q?A=C3=A9?= <a@b.example>\nTo: "x y" <c@d>, g: e@f;\nDate: Mon, 1 Jan 2024 00:00:00 +0100 (x)\nContent-Type: multipart/mixed; boundary="b c"; a*0*=utf-8\'\'%41; a*1=b\n\n' +
  '--b c\nContent-Type: text/html; charset=iso-2022-jp\nContent-Transfer-Encoding: quoted-printable\n\n<p>=41</p>\n--b c\nContent-Type: message/rfc822\n\nSubject: in\n\nx\n--b c\nContent-Transfer-Encoding: base64\n\nQUJD\n--b c--\nafter\n';

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'message',
    seeds: [message, message.replaceAll('\n', '\r\n')],
    run(input, random) {
      const bytes = Buffer.from(input, 'latin1');
      const whole = messageFacts(bytes);
      const reader = new FactsReader();
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + Math.floor(random() * 40);
        reader.write(bytes.subarray(at, end));
        at = end;
      }
      if (!isDeepStrictEqual(reader.end(), whole)) throw new Error('another answer when the octets come in pieces');
    },
  },
  text('header', splitHeader, 'A: b\n c\nD : e\r\n\n', ': x\n'),
  text('addresses', addressList, '"a b" <c@d>, g: e@f, h@[1.2.3.4];, (x (y)) i.j@k', '=?x?q?y?= <@a,@b:c@d>'),
  text('address', splitAddress, '"a\\"b"@c.example', 'a+b@xn--c'),
  text('content type', contentType, 'text/plain; charset="utf-8"; a*0*=utf-8\'en\'%41; a*1="b"; c=d (e)'),
  text('disposition', contentDisposition, 'attachment; filename*=utf-8\'\'%e2%82%ac; filename="x.txt"'),
  text('words', decodeWords, '=?utf-8?b?w6k=?= =?iso-2022-jp?q?=1B$B?= x =?gb18030?Q?a?='),
  text('date', parseDate, 'Mon, 1 Jan 2024 00:00:00 +0100 (CET)', '31 Feb 99 24:61 EST'),
  text('mailbox name', decodeModifiedUtf7, '&ZeVnLIqe-/a&-b'),
  text('mailbox path', checkName, 'a/b', '../x', 'Lists/dev'),
  text('folder', nameOfFolder, '.Lists.dev', '.&ZeVnLIqe-'),
  text('file name', parseFileName, '1.M2P3.h,S=1,W=2,N=zz.7:2,FSa', 'new'),
  text('IMAP URL', imapUrl, '/INBOX;UIDVALIDITY=1/;UID=2/;SECTION=1.2;expire=2024-01-01T00:00:00Z'),
  {
    name: 'PROXY',
    seeds: ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nx', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02'],
    run: (input) => void proxyHeader(Buffer.from(input, 'latin1')),
  },
  imap('FETCH', fetchItems, '(FLAGS BODY.PEEK[1.2.HEADER.FIELDS (A B)]<0.10> BINARY.SIZE[1])', 'ALL'),
  imap('SEARCH', searchProgram, 'OR (SUBJECT "x" NOT SEEN) 1:*,3 SINCE 1-Jan-2024 CHARSET utf-8', 'CHARSET UTF-8 FUZZY TEXT a'),
  imap('LIST', listArguments, '(SUBSCRIBED) "" ("a" b%) RETURN (STATUS (MESSAGES))', '"" "*"'),
  imap('NOTIFY', notifyArguments, 'SET STATUS (selected MessageNew (FLAGS)) (subtree ("a" b) FlagChange)', 'NONE'),
  imap('sequence set', sequenceSet, '1:*,2,4294967295:3', '$'),
];
