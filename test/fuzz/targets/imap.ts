import { commands } from '../../../src/imap/commands/index.ts';
import { appendMessages } from '../../../src/imap/grammar/append.ts';
import { authUrl } from '../../../src/imap/grammar/auth-url.ts';
import { Cursor } from '../../../src/imap/grammar/cursor.ts';
import { dateTime } from '../../../src/imap/grammar/date.ts';
import { fetchItems } from '../../../src/imap/grammar/fetch-items.ts';
import { astring, dateTime as formatDateTime, string } from '../../../src/imap/grammar/format.ts';
import { imapUrl } from '../../../src/imap/grammar/imap-url.ts';
import { listArguments } from '../../../src/imap/grammar/list.ts';
import { entryValues, getMetadataOptions } from '../../../src/imap/grammar/metadata.ts';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../../src/imap/grammar/modified-utf7.ts';
import { notifyArguments } from '../../../src/imap/grammar/notify.ts';
import { searchProgram } from '../../../src/imap/grammar/search-key.ts';
import { searchReturn } from '../../../src/imap/grammar/search-return.ts';
import { formatSection, section } from '../../../src/imap/grammar/section.ts';
import { selectParameters } from '../../../src/imap/grammar/select-parameters.ts';
import { formatSequenceSet, sequenceSet } from '../../../src/imap/grammar/sequence-set.ts';
import { statusItems } from '../../../src/imap/grammar/status.ts';
import { mailboxPattern } from '../../../src/imap/mailbox-pattern.ts';
import { parseRights } from '../../../src/mail/rights.ts';
import { type FuzzTarget, same } from '../target.ts';
import { text } from './mail.ts';

const line = (name: string, parse: (cursor: Cursor) => unknown, ...seeds: string[]): FuzzTarget => ({
  name,
  seeds,
  run: (input) => parse(new Cursor(input, { utf8: input.length % 2 === 0, maxDepth: 16 })),
});

/** Read, written, and read again: the same. */
const again = <A>(name: string, parse: (cursor: Cursor) => A, format: (value: A) => string, ...seeds: string[]): FuzzTarget =>
  line(
    name,
    (cursor) => {
      const value = parse(cursor);
      same('written and read again', parse(new Cursor(format(value), { utf8: cursor.utf8 })), value);
      return value;
    },
    ...seeds,
  );

const commandSeeds = [
  'LOGIN "a b" {3}\r\nabc',
  'SELECT INBOX (QRESYNC (1 2 1:3 (1 2)))',
  'FETCH 1:* (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (A B)]<0.10>) (CHANGEDSINCE 1 VANISHED)',
  'UID SEARCH RETURN (MIN COUNT PARTIAL 1:10) CHARSET UTF-8 OR FROM "x" NOT (SEEN 1:*)',
  'STORE 1 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Seen x)',
  'LIST (SUBSCRIBED) "" ("a" b%) RETURN (STATUS (MESSAGES))',
  'SETACL a bob@example.com +lrs',
  'SETMETADATA "" (/private/comment "x" /shared/a NIL)',
  'SORT (REVERSE DATE SUBJECT) UTF-8 ALL',
  'THREAD REFERENCES US-ASCII TEXT x',
  'NOTIFY SET STATUS (selected MessageNew (FLAGS))',
  'APPEND a (\\Seen) "01-Jan-2024 00:00:00 +0000" {1}\r\n',
  'GENURLAUTH "imap://a@b/INBOX/;UID=1;URLAUTH=anonymous" INTERNAL',
  'ESEARCH IN (subtree (a b)) RETURN (ALL) SUBJECT x',
  'ID ("a" "b" "c" NIL)',
];

export const imapTargets: readonly FuzzTarget[] = [
  {
    name: 'IMAP command',
    seeds: commandSeeds,
    words: [...commands.keys()],
    run(input) {
      // The name is read as the session does it; the longest that fits.
      const upper = input.toUpperCase();
      const name = [...commands.keys()].filter((one) => upper.startsWith(one)).sort((a, b) => b.length - a.length)[0];
      if (name === undefined) return null;
      const cursor = new Cursor(`t ${input}`, { utf8: input.length % 2 === 0, maxDepth: 16 });
      cursor.at = 2 + name.length;
      return commands.get(name)!.parse(cursor) as unknown;
    },
  },
  line('FETCH', fetchItems, '(FLAGS BODY.PEEK[1.2.HEADER.FIELDS (A B)]<0.10> BINARY.SIZE[1])', 'ALL', 'PREVIEW (LAZY)'),
  line(
    'SEARCH',
    searchProgram,
    'OR (SUBJECT "x" NOT SEEN) 1:*,3 SINCE 1-Jan-2024',
    'CHARSET UTF-8 FUZZY TEXT a',
    'MODSEQ "/flags/\\\\Seen" all 5',
  ),
  line('search return', searchReturn, ' RETURN (MIN MAX COUNT ALL SAVE PARTIAL 1:5)', ' RETURN ()'),
  line('LIST', listArguments, '(SUBSCRIBED) "" ("a" b%) RETURN (STATUS (MESSAGES))', '"" "*"'),
  line('NOTIFY', notifyArguments, 'SET STATUS (selected MessageNew (FLAGS)) (subtree ("a" b) FlagChange)', 'NONE'),
  again('sequence set', sequenceSet, formatSequenceSet, '1:*,2,4294967295:3', '$'),
  again('section', section, formatSection, '[1.2.HEADER.FIELDS (A "b c")]', '[]', '[TEXT]', '[2.MIME]'),
  again(
    'date-time',
    dateTime,
    ({ time, zone }) => formatDateTime(time, zone),
    '" 1-Jan-2024 00:00:00 +0100"',
    '"31-Dec-1999 23:59:60 -1200"',
  ),
  line('SELECT', selectParameters, ' (QRESYNC (67890007 90060115194045000 41:211 (1,3 4:5)) CONDSTORE)', ''),
  line('STATUS', statusItems, '(MESSAGES UIDNEXT SIZE DELETED)', '()'),
  line('append', appendMessages, ' (\\Seen) "01-Jan-2024 00:00:00 +0000" {1}\r\n', ' CATENATE (TEXT {3}\r\n URL "/a")'),
  line(
    'metadata',
    (cursor) => [getMetadataOptions(cursor), entryValues(cursor)],
    '(MAXSIZE 5 DEPTH 1)(/private/a "x")',
    '(/shared/__proto__ NIL)',
  ),
  text('rights', parseRights, 'lrswipkxtea', 'cd'),
  {
    name: 'string',
    seeds: ['a b', '"\\', '\x80', '', '{3}\r\n'],
    run(input) {
      // Whatever the octets: as string and as astring they come back.
      for (const format of [string, astring]) {
        if (input.includes('\0')) continue;
        const cursor = new Cursor(format(input));
        same('as written', cursor.astring(), input);
        if (!cursor.atEnd) throw new Error('more than one string');
      }
      return null;
    },
  },
  {
    name: 'mailbox name',
    seeds: ['&ZeVnLIqe-/a&-b', '&AAo-', 'Entw&APw-rfe'],
    run(input) {
      const name = decodeModifiedUtf7(input);
      same('written and read again', decodeModifiedUtf7(encodeModifiedUtf7(name)), name);
      return name;
    },
  },
  {
    name: 'mailbox pattern',
    seeds: ['a%b*\na/b/c', '%/%\nx/y', '*a*b*c*d\nabcd'],
    run(input) {
      const [pattern = '', given = ''] = input.split('\n');
      const fold = (text: string): string => text.replace(/^inbox(?=\/|$)/i, 'INBOX');
      // As the store names it.
      const name = fold(given);
      const found = mailboxPattern(pattern)(name);
      // A second way: each % and * by a regular expression, on names too short to blow it up.
      if (pattern.length <= 12 && name.length <= 24) {
        const source = pattern
          .replace(/\*+/g, '*')
          .replace(/[\\^$.*+?()[\]{}|/%]/g, (c) => (c === '*' ? '[^]*' : c === '%' ? '[^/]*' : `\\${c}`));
        same(`${pattern} on ${name}`, found, new RegExp(`^${fold(source)}$`).test(name));
      }
      return found;
    },
  },
  text(
    'IMAP URL',
    imapUrl,
    '/INBOX;UIDVALIDITY=1/;UID=2/;SECTION=1.2;expire=2024-01-01T00:00:00Z',
    'imap://a;AUTH=*@b/c/;UID=1/;PARTIAL=0.10',
  ),
  text(
    'authorized URL',
    authUrl,
    'imap://a@b/INBOX/;UID=1;EXPIRE=2024-01-01T00:00:00Z;URLAUTH=user+x:internal:91354a473744909de610943775f92038',
    '',
  ),
];
