import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { runs } from '../../../test/support/runs.ts';
import { Fault } from '../../mail/fault.ts';
import { appendMessages } from './append.ts';
import { Cursor } from './cursor.ts';
import { date, dateTime as readDateTime } from './date.ts';
import { fetchItems } from './fetch-items.ts';
import { flagList } from './flags.ts';
import { astring, dateTime, string } from './format.ts';
import { imapUrl } from './imap-url.ts';
import { listArguments } from './list.ts';
import { decodeMailbox, formatMailbox } from './mailbox.ts';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.ts';
import { searchProgram } from './search-key.ts';
import { formatSection, section } from './section.ts';
import { selectParameters } from './select-parameters.ts';
import { formatNumbers, formatSequenceSet, ranges, resolveRanges, sequenceSet } from './sequence-set.ts';

const octets = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)) });
const at = <T>(rule: (line: Cursor) => T, text: string): T => {
  const line = new Cursor(text);
  const value = rule(line);
  line.end();
  return value;
};

describe('round trips', () => {
  const number = fc.oneof(fc.constant<'*'>('*'), fc.integer({ min: 1, max: 0xffff_ffff }));
  const set = fc.array(fc.record({ from: number, to: number }), { minLength: 1 });

  it('sequence-set', () => {
    fc.assert(
      fc.property(set, (s) => {
        expect(at(sequenceSet, formatSequenceSet(s))).toEqual(s);
      }),
    );
    expect(at(sequenceSet, '$')).toBe('$');
  });

  it('resolved ranges hold what the set holds', () => {
    const small = fc.oneof(fc.constant<'*'>('*'), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(
        fc.array(fc.record({ from: small, to: small }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 30 }),
        (s, max) => {
          const resolved = resolveRanges(s, max);
          for (let n = 1; n <= 45; n++) {
            const inSet = s.some(({ from, to }) => {
              const [a, b] = [from === '*' ? max : from, to === '*' ? max : to];
              return n >= Math.min(a, b) && n <= Math.max(a, b);
            });
            expect(resolved.some(([from, to]) => n >= from && n <= to)).toBe(inSet);
          }
        },
      ),
    );
  });

  it('numbers', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (list) => {
        const sorted = [...list].sort((a, b) => a - b);
        const read = resolveRanges(at(ranges, formatNumbers(sorted)), 1).flatMap(([from, to]) =>
          Array.from({ length: to - from + 1 }, (_, i) => from + i),
        );
        expect(read).toEqual(sorted);
      }),
    );
  });

  it('astring and string', () => {
    fc.assert(
      fc.property(octets, (text) => {
        expect(at((line) => line.astring(), astring(text))).toBe(text);
        expect(at((line) => line.string(), string(text))).toBe(text);
      }),
    );
  });

  it('modified UTF-7', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        fc.pre(name.isWellFormed() && !/[\x00-\x1f\x7f]/.test(name));
        expect(decodeModifiedUtf7(encodeModifiedUtf7(name))).toBe(name);
        expect(encodeModifiedUtf7(name)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
    expect(encodeModifiedUtf7('~peter/mail/台北/日本語')).toBe('~peter/mail/&U,BTFw-/&ZeVnLIqe-');
  });

  it.each([true, false])('mailbox names, UTF-8 %s', (utf8) => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const name = text.normalize('NFC');
        fc.pre(!/[\x00-\x1f\x7f]/.test(name) && name.toUpperCase() !== 'INBOX');
        const line = new Cursor(formatMailbox(name, utf8));
        expect(decodeMailbox(line.astring(), utf8)).toBe(name);
      }),
    );
  });

  it('date-time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
        expect(at(readDateTime, dateTime(seconds * 1000))).toEqual({ time: seconds * 1000, zone: 0 });
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: -5999, max: 5999 }), (seconds, zone) => {
        expect(at(readDateTime, dateTime(seconds * 1000, zone))).toEqual({ time: seconds * 1000, zone });
      }),
    );
    expect(at(readDateTime, '" 1-Jan-2020 01:00:00 +0100"')).toEqual({ time: Date.UTC(2020, 0, 1), zone: 60 });
    expect(() => at(readDateTime, '" 1-Jan-2020 01:00:00 +0060"')).toThrow(Fault);
    vi.stubEnv('TZ', 'America/St_Johns');
    expect(dateTime(Date.UTC(2020, 0, 1))).toBe('"31-Dec-2019 20:30:00 -0330"');
    vi.stubEnv('TZ', 'Europe/Helsinki');
    expect(dateTime(Date.UTC(2007, 9, 28, 0, 30))).toBe('"28-Oct-2007 03:30:00 +0300"');
    expect(dateTime(Date.UTC(2007, 9, 28, 1, 30))).toBe('"28-Oct-2007 03:30:00 +0200"');
    vi.unstubAllEnvs();
    expect(at(date, '2-Jan-1970')).toBe(1);
  });

  it('section', () => {
    const path = fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 5 });
    const field = fc.string({ unit: fc.constantFrom('A', 'b', '-', '1'), minLength: 1 });
    const text = fc.constantFrom(
      null,
      'HEADER' as const,
      'TEXT' as const,
      'HEADER.FIELDS' as const,
      'HEADER.FIELDS.NOT' as const,
      'MIME' as const,
    );
    fc.assert(
      fc.property(path, text, fc.array(field, { minLength: 1, maxLength: 4 }), (numbers, what, names) => {
        fc.pre(what !== 'MIME' || numbers.length > 0);
        const wanted = { path: numbers, text: what, fields: what?.startsWith('HEADER.') ? names : [] };
        expect(at(section, formatSection(wanted))).toEqual(wanted);
      }),
    );
  });
});

describe('what clients send', () => {
  it.each([
    ['(\\Seen \\answered $Junk)', ['\\Seen', '\\Answered', '$Junk']],
    ['()', []],
  ])('flags %s', (text, flags) => {
    expect(at(flagList, text)).toEqual(flags);
  });

  it.each(['(\\Recent)', '(\\Foo)', '(a', '(a  b)'])('refuses flags %s', (text) => {
    expect(() => at(flagList, text)).toThrow(Fault);
  });

  it('search keys', () => {
    expect(at(searchProgram, 'CHARSET ISO-2022-JP OR FROM a (NOT 1:3 UID 7 SINCE 1-Feb-1970)')).toEqual({
      kind: 'or',
      keys: [
        { kind: 'header', field: 'from', text: 'a' },
        {
          kind: 'and',
          keys: [
            { kind: 'not', key: { kind: 'set', uid: false, set: [{ from: 1, to: 3 }] } },
            { kind: 'set', uid: true, set: [{ from: 7, to: 7 }] },
            { kind: 'date', which: 'internal', op: 'since', day: 31 },
          ],
        },
      ],
    });
    expect(at(searchProgram, 'CHARSET ISO-2022-JP SUBJECT "\x1b$BF|K\\\\8l\x1b(B"')).toEqual({
      kind: 'header',
      field: 'subject',
      text: '日本語',
    });
    expect(at(searchProgram, 'SUBJECT {3}\r\n\xe6\x97\xa5')).toEqual({ kind: 'header', field: 'subject', text: '日' });
    expect(() => at(searchProgram, 'CHARSET nonsense ALL')).toThrow(/badCharset/);
    expect(() => at(searchProgram, 'toString')).toThrow(/unknown search key/);
    expect(() => at(searchProgram, `${'('.repeat(100_000)}ALL`)).toThrow(/nested/);
    expect(() => at(searchProgram, `${'NOT '.repeat(100_000)}ALL`)).toThrow(/nested/);
  });

  it('fetch items', () => {
    const plain = { section: null, partial: null, lazy: false };
    expect(at(fetchItems, 'FAST')).toEqual(['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'].map((name) => ({ name, ...plain })));
    expect(at(fetchItems, '(uid body.peek[1.2.HEADER.FIELDS (a b)]<5.10> binary[1]<2.3> PREVIEW (LAZY))')).toEqual([
      { name: 'UID', ...plain },
      {
        name: 'BODY.PEEK',
        section: { path: [1, 2], text: 'HEADER.FIELDS', fields: ['a', 'b'] },
        partial: { offset: 5, length: 10 },
        lazy: false,
      },
      { name: 'BINARY', section: { path: [1], text: null, fields: [] }, partial: { offset: 2, length: 3 }, lazy: false },
      { name: 'PREVIEW', section: null, partial: null, lazy: true },
    ]);
    for (const text of ['BODY[', 'BODY[0]', 'BODY[MIME]', 'BODY[1.]', 'BODY[]<1.0>', '()', 'BODY[HEADER.FIELDS ()]']) {
      expect(() => at(fetchItems, text), text).toThrow(Fault);
    }
  });

  it('LIST', () => {
    expect(at(listArguments, ' "" *')).toMatchObject({ reference: '', patterns: ['*'], returns: null });
    expect(at(listArguments, ' (SUBSCRIBED RECURSIVEMATCH) "" (a% "b c") RETURN (CHILDREN STATUS (MESSAGES SIZE))')).toMatchObject({
      patterns: ['a%', 'b c'],
      subscribed: true,
      recursive: true,
      returns: { subscribed: true, children: true, status: ['MESSAGES', 'SIZE'] },
    });
    expect(() => at(listArguments, ' (RECURSIVEMATCH REMOTE) "" *')).toThrow(Fault);
  });

  it('SELECT parameters', () => {
    expect(at(selectParameters, ' (QRESYNC (67890007 20050715194045000 41,43:211 (1,5 41,99)))')).toEqual({
      condstore: true,
      qresync: {
        uidValidity: 67890007,
        modSeq: Number.MAX_SAFE_INTEGER,
        knownUids: [
          { from: 41, to: 41 },
          { from: 43, to: 211 },
        ],
        knownSequence: {
          sequenceNumbers: [
            { from: 1, to: 1 },
            { from: 5, to: 5 },
          ],
          uids: [
            { from: 41, to: 41 },
            { from: 99, to: 99 },
          ],
        },
      },
    });
  });

  it('APPEND', () => {
    const text = ' (\\Seen) " 1-Jan-1970 00:00:00 +0000" {5}\r\n UTF8 (~{3}\r\n) CATENATE (URL "/a/;UID=1" TEXT {2}\r\n)';
    expect(at(appendMessages, text)).toEqual([
      { flags: ['\\Seen'], internalDate: { time: 0, zone: 0 }, parts: [{ literal: 0 }] },
      { flags: [], internalDate: null, parts: [{ literal: 1 }] },
      { flags: [], internalDate: null, parts: [{ url: '/a/;UID=1' }, { literal: 2 }] },
    ]);
  });

  it('URLs', () => {
    expect(imapUrl('/Sent%20x;UIDVALIDITY=5/;UID=7/;SECTION=1.MIME/;PARTIAL=3.4')).toEqual({
      mailbox: 'Sent x',
      uidValidity: 5,
      uid: 7,
      section: { path: [1], text: 'MIME', fields: [] },
      partial: { offset: 3, length: 4 },
    });
    expect(imapUrl('imap://u@h/INBOX/;uid=20')).toMatchObject({ mailbox: 'INBOX', uid: 20 });
    for (const url of ['', '/x', '/x/;UID=0', '/x/;UID=1/;SECTION=nope', '/%zz/;UID=1']) expect(() => imapUrl(url), url).toThrow(Fault);
  });
});

it('throws nothing but faults, whatever comes', () => {
  const rules = [fetchItems, searchProgram, listArguments, selectParameters, appendMessages, flagList, sequenceSet, date, readDateTime];
  const words = fc.constantFrom(
    '(',
    ')',
    ' ',
    '{3}\r\n',
    '{99}\r\n',
    '"',
    '\\',
    '[',
    ']',
    '<1.2>',
    'BODY',
    'NOT',
    'OR',
    'ALL',
    '1:*',
    '$',
    '"a"',
    '* ',
    'SUBJECT',
    '~',
    'QRESYNC',
    'CATENATE',
    '1-Jan-2000',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        octets,
        fc.array(words).map((list) => list.join('')),
        fc.array(words).map((list) => list.join(' ')),
      ),
      (text) => {
        for (const rule of rules) {
          try {
            at<unknown>(rule, text);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          }
        }
      },
    ),
    { numRuns: runs(500) },
  );
});
