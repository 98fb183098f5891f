import { tmpdir } from 'node:os';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { createDelivery } from '../../../src/delivery/accept.ts';
import { imapService } from '../../../src/imap/service.ts';
import { imapDefaults } from '../../../src/imap/settings.ts';
import type { Connection } from '../../../src/net/connection.ts';
import { pop3Service } from '../../../src/pop3/service.ts';
import { defaultPop3Settings } from '../../../src/pop3/settings.ts';
import type { RoleName } from '../../../src/smtp/roles.ts';
import { smtpService } from '../../../src/smtp/service.ts';
import { defaultSmtpSettings } from '../../../src/smtp/settings.ts';
import { fakeAuthenticator, fakeDirectory, fakeQueue, fakeStore } from '../../support/fake-mail.ts';
import { conversation } from '../../support/fake-socket.ts';
import { MemoryInboxes } from '../../support/memory-inbox.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { type FuzzTarget, pieces, same } from '../target.ts';

/** Bugs that a session met: nobody may meet any. */
const bugs: unknown[] = [];
const log = new Proxy(silentLog, {
  get: (target, key) =>
    key === 'error' ? (fields: { err?: unknown }) => void bugs.push(fields.err) : key === 'child' ? () => log : Reflect.get(target, key),
});

/** @returns what the client hears */
async function talk(chunks: Iterable<Buffer>, handle: (connection: Connection) => Promise<void>): Promise<string> {
  bugs.length = 0;
  const heard = await conversation(chunks, handle, log);
  if (bugs.length > 0) throw bugs[0] instanceof Error ? bugs[0] : new Error(`bug: ${String(bugs[0])}`);
  return heard;
}

/** One answers what the other answers, as far as both go. */
function agree(what: string, a: readonly string[], b: readonly string[]): void {
  const length = Math.min(a.length, b.length);
  same(what, a.slice(0, length), b.slice(0, length));
}

const directory = fakeDirectory();

function smtp(name: string, role: RoleName, greeting: string, ...seeds: string[]): FuzzTarget {
  const session = async (chunks: Iterable<Buffer>): Promise<{ messages: string[]; heard: string }> => {
    const store = fakeStore();
    const queue = fakeQueue();
    const hostname = 'mail.example.com';
    const delivery = createDelivery({ directory, store, queue, clock: systemClock, log, hostname });
    const settings = {
      ...defaultSmtpSettings,
      hostname,
      stagingDir: tmpdir(),
      errorSleepTime: 0,
      messageSizeLimit: 10_000,
      xclientHosts: ['127.0.0.1'],
    };
    const authenticator = fakeAuthenticator(directory, false);
    const service = smtpService(settings, { directory, authenticator, delivery, queue, dns: null, clock: systemClock, log });
    const heard = await talk(chunks, (connection) => service.handle(connection, role));
    // Trace fields hold times and names of the session.
    const body = (text: string): string => text.slice(text.indexOf('\n\n'));
    const messages = [
      ...store.messages.map(({ address, text }) => `${address} ${body(text)}`),
      ...queue.mail.map(({ text }) => body(text)),
    ];
    for (const message of messages) if (/[\r\0]/.test(message)) throw new Error('CR or NUL in a message');
    return { messages, heard };
  };
  return {
    name,
    seeds: seeds.map((seed) => `${greeting} c\r\n${seed}`),
    words: [
      '\r\n.\r\n',
      'MAIL FROM:<a@b.example>\r\n',
      'RCPT TO:<user1@example.com>\r\n',
      'DATA\r\n',
      'BDAT 5\r\n',
      'BDAT 0 LAST\r\n',
      'RSET\r\n',
      'XCLIENT ADDR=192.0.2.1\r\n',
    ],
    longest: 2048,
    slow: true,
    async run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const whole = await session([octets]);
      const cut = await session(pieces(octets, random));
      // Who sends more than was asked for is cut off sooner (RFC 2920 3.1): then there are fewer messages, never others.
      agree('messages when the octets come in pieces', cut.messages, whole.messages);
      for (const { heard } of [whole, cut])
        if (heard !== '' && !/^(?:\d{3}(?:[ -][^\r\n\0]*)?\r\n)*$/.test(heard))
          throw new Error(`not a reply: ${JSON.stringify(heard.slice(-200))}`);
    },
  };
}

const account = { id: 1, address: 'user1@example.com', password: '', enabled: true, home: tmpdir(), quota: 0 };

export const sessionTargets: readonly FuzzTarget[] = [
  smtp(
    'SMTP session',
    'mta',
    'EHLO',
    'MAIL FROM:<a@b.example> SIZE=10\r\nRCPT TO:<user1@example.com> NOTIFY=NEVER\r\nDATA\r\nSubject: x\r\n\r\n..a\r\n.\r\nQUIT\r\n',
    'MAIL FROM:<>\r\nRCPT TO:<user2@example.com> ORCPT=rfc822;a+2Bb\r\nBDAT 5\r\na: b\nBDAT 2 LAST\r\n\r\nNOOP\r\n',
    'XCLIENT ADDR=192.0.2.1 NAME=a.b HELO=x\r\nEHLO d\r\nVRFY a\r\nHELP\r\nETRN x\r\nEXPN y\r\n',
  ),
  smtp(
    'submission session',
    'msa',
    'EHLO',
    'AUTH PLAIN AHVzZXIxQGV4YW1wbGUuY29tAHNlY3JldDE=\r\nMAIL FROM:<user1@example.com> BODY=8BITMIME RET=HDRS ENVID=x\r\nRCPT TO:<a@b.example>\r\nDATA\r\nx\r\n.\r\n',
    'AUTH LOGIN\r\ndXNlcjFAZXhhbXBsZS5jb20=\r\nc2VjcmV0MQ==\r\n',
  ),
  smtp(
    'LMTP session',
    'lmtp',
    'LHLO',
    'MAIL FROM:<a@b.example>\r\nRCPT TO:<user1@example.com>\r\nRCPT TO:<user2@example.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n',
  ),
  {
    name: 'IMAP session',
    seeds: [
      'a LOGIN user1@example.com secret1\r\nb APPEND INBOX (\\Seen) {16}\r\nSubject: x\r\n\r\ny\r\nc SELECT INBOX\r\nd FETCH 1 (FLAGS BODY[] ENVELOPE)\r\n',
      'a AUTHENTICATE PLAIN AHVzZXIxQGV4YW1wbGUuY29tAHNlY3JldDE=\r\nb CREATE a/b\r\nc LIST "" *\r\nd STATUS a/b (MESSAGES)\r\ne LOGOUT\r\n',
      'a LOGIN {17+}\r\nuser1@example.com {7+}\r\nsecret1\r\nb ENABLE QRESYNC\r\nc SELECT INBOX (CONDSTORE)\r\nd SEARCH RETURN (ALL) 1:*\r\ne STORE 1 +FLAGS (x)\r\nf EXPUNGE\r\ng IDLE\r\nDONE\r\n',
    ],
    longest: 2048,
    slow: true,
    async run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const session = (chunks: Iterable<Buffer>): Promise<string> => {
        const service = imapService(
          { ...imapDefaults, hostname: 'mail.example.com', stagingDir: tmpdir(), messageSizeLimit: 10_000 },
          {
            store: memoryStore(),
            authenticator: fakeAuthenticator(directory, false),
            log,
            clock: systemClock,
            onBug: (error) => void bugs.push(error),
          },
        );
        return talk(chunks, (connection) => service.handle(connection));
      };
      const whole = await session([octets]);
      // Deflated answers depend on what was flushed when, and IDLE ends with what came meanwhile.
      if (/compress|idle/i.test(input)) return;
      const lines = (heard: string): string[] =>
        heard
          .replace(/\bF\d+\b/g, 'F')
          .replace(/"[ \d]\d-\w{3}-\d{4} [^"]*"/g, '"DATE"')
          .split('\r\n');
      agree('answers when the octets come in pieces', lines(await session(pieces(octets, random))), lines(whole));
    },
  },
  {
    name: 'POP3 session',
    seeds: [
      'USER user1@example.com\r\nPASS secret1\r\nSTAT\r\nLIST\r\nUIDL 1\r\nTOP 1 1\r\nRETR 2\r\nDELE 1\r\nRSET\r\nQUIT\r\n',
      'CAPA\r\nAUTH PLAIN\r\nAHVzZXIxQGV4YW1wbGUuY29tAHNlY3JldDE=\r\nNOOP\r\nLAST\r\nDELE 2\r\n',
      'UTF8\r\nLANG *\r\nAUTH PLAIN =\r\n*\r\n',
    ],
    longest: 2048,
    slow: true,
    async run(input, random) {
      const octets = Buffer.from(input, 'latin1');
      const session = (chunks: Iterable<Buffer>): Promise<string> => {
        const store = new MemoryInboxes();
        store.put(account.address, 'A: b\n\n.\n..\nx\n', 'C: d\r\n\r\ny');
        const service = pop3Service(defaultPop3Settings, { authenticator: fakeAuthenticator(directory, false), store, log });
        return talk(chunks, (connection) => service.handle(connection));
      };
      const whole = await session([octets]);
      agree('answers when the octets come in pieces', (await session(pieces(octets, random))).split('\r\n'), whole.split('\r\n'));
    },
  },
];
