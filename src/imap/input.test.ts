import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ImapClient, imapServer } from '../../test/support/imap.ts';
import { runs } from '../../test/support/runs.ts';

const vocabulary = [
  'SELECT',
  'INBOX',
  'FETCH',
  'UID',
  'STORE',
  'SEARCH',
  'LIST',
  'STATUS',
  'APPEND',
  'COPY',
  'CREATE',
  'x',
  '1',
  '1:*',
  '*',
  '$',
  '(',
  ')',
  'FLAGS',
  '+FLAGS',
  '(\\Seen)',
  'BODY[]',
  'BODY.PEEK[HEADER]',
  'RETURN',
  '(MESSAGES)',
  '""',
  '"',
  '%',
  'NOT',
  'ALL',
  'OR',
  'SUBJECT',
  'ENABLE',
  'CONDSTORE',
  'QRESYNC',
  'NOOP',
  'SORT',
  'THREAD',
  '(DATE)',
  'UTF-8',
  'REFERENCES',
  'EXPUNGE',
  'CLOSE',
  'DONE',
  'CATENATE',
  '{3+}\r\nabc',
  '{0+}\r\n',
  '~{2+}\r\n\0\r',
  '{70+}\r\nshort',
  '{x}',
  '\xff',
  '\r',
  '\0',
  'NIL',
  'ID',
  'IDLE\r\nDONE',
  'REPLACE',
  'NOTIFY',
  'SET',
  'STATUS',
  'personal',
];
const words = fc.constantFrom(...vocabulary);
const command = fc.array(words, { maxLength: 8 }).map((list) => list.join(' '));
const sensible = fc.constantFrom(
  'SELECT INBOX',
  'APPEND INBOX {12+}\r\nSubject: x\r\n',
  'FETCH 1:* (FLAGS BODY.PEEK[] ENVELOPE)',
  'STORE 1 +FLAGS (\\Deleted $Work)',
  'UID SEARCH RETURN (ALL COUNT) SUBJECT {1+}\r\nx NOT DELETED',
  'EXPUNGE',
  'CREATE {3+}\r\na/b',
  'LIST "" (* %) RETURN (STATUS (MESSAGES))',
  'UID COPY 1:* INBOX',
);
const script = fc.array(fc.oneof({ weight: 1, arbitrary: command }, { weight: 2, arbitrary: sensible }), { minLength: 1, maxLength: 12 });

/** Everything the server says to a script that comes in pieces, what differs by time or account left out. */
async function answers(client: ImapClient, text: string, cuts: readonly number[]): Promise<string> {
  let from = 0;
  for (const cut of [...new Set(cuts.map((n) => n % (text.length + 1)))].sort((a, b) => a - b)) {
    client.send(text.slice(from, cut));
    from = cut;
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.send(text.slice(from));
  const lines: string[] = [];
  for (let line = await client.line(); line !== ''; line = await client.line()) {
    lines.push(
      line
        .replace(/(UIDVALIDITY|MODSEQ|HIGHESTMODSEQ|MAILBOXID|APPENDUID|COPYUID|INTERNALDATE) (\S+|"[^"]*")/g, '$1')
        .replace(/\([FM]\d+\)|"[ \d]\d-\w{3}-\d{4} [\d: +]+"|\(\d{10,}\)/g, ''),
    );
  }
  return lines.join('\n');
}

it('gives the same answers however its input is cut, and never fails', async () => {
  const server = await imapServer({ settings: { maxBadCommands: 30 } });
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(script, fc.array(fc.nat(), { maxLength: 12 }), async (commands, cuts) => {
        const text = `${commands.map((one, i) => `a${i} ${one}\r\n`).join('')}\r\nz1 LOGOUT\r\n${'\r\n'.repeat(40)}z2 LOGOUT\r\n`;
        const whole = await server.client(`w${++run}`);
        const pieces = await server.client(`p${run}`);
        try {
          expect(await answers(pieces, text, cuts)).toBe(await answers(whole, text, []));
        } finally {
          whole.close();
          pieces.close();
        }
        expect(server.bugs).toEqual([]);
      }),
      { numRuns: runs(150) },
    );
  } finally {
    await server.close();
  }
}, 60_000);
