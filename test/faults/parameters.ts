// Octets that have no business in a parameter: refused, and never on their way to a header, a log line, a report or a next hop.
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDelivery } from '../../src/delivery/accept.ts';
import type { RoleName } from '../../src/smtp/roles.ts';
import { smtpService } from '../../src/smtp/service.ts';
import { defaultSmtpSettings } from '../../src/smtp/settings.ts';
import { fakeAuthenticator, fakeDirectory, fakeQueue, fakeStore } from '../support/fake-mail.ts';
import { conversation } from '../support/fake-socket.ts';
import { ImapClient } from '../support/imap.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { startSink } from '../support/smtp-sink.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

/** Of MAIL, known and unknown here; each with a value that is good where the parameter is known. */
const ofMail: Readonly<Record<string, string>> = {
  SIZE: '10',
  BODY: '8BITMIME',
  RET: 'FULL',
  ENVID: 'a',
  AUTH: 'a',
  SMTPUTF8: '',
  REQUIRETLS: '',
  'MT-PRIORITY': '1',
  HOLDFOR: '10',
  HOLDUNTIL: '2026-12-01T00:00:00Z',
  BY: '10;R',
  CONPERM: '',
  MTRK: 'a',
  'X-NEW': 'a',
  __PROTO__: 'a',
  CONSTRUCTOR: 'a',
};
const ofRcpt: Readonly<Record<string, string>> = {
  NOTIFY: 'NEVER',
  ORCPT: 'rfc822;a',
  RRVS: '2026-12-01T00:00:00Z',
  BY: '1',
  'X-NEW': 'a',
  CONSTRUCTOR: 'a',
};
const ofXclient: Readonly<Record<string, string>> = {
  NAME: 'a.b',
  ADDR: '192.0.2.1',
  PORT: '1',
  PROTO: 'ESMTP',
  HELO: 'a',
  LOGIN: 'a',
  DESTADDR: '192.0.2.1',
  X: 'a',
};

/** What is added to a good value, to make it a bad one. */
const additions = [
  '\r',
  '\n',
  '\0',
  '\rX',
  '\nX',
  '\0X',
  '\x01',
  '\x7f',
  '\x85',
  '\xff',
  '\xc3',
  '\xed\xa0\x80',
  '+0D+0AX-Evil:+20x',
  '+0A',
  '+0D',
  '+00',
  '+7F',
  '+85',
  '+0d',
  '+4',
  '+',
  '+GG',
  '+0',
  '\t+0A',
  `${'+0A'.repeat(600)}`,
  'x'.repeat(2100),
  ' X-Y=+0A',
];

/** A whole session said by `line`s, each in its own turn. */
function session(role: RoleName): { readonly say: (...lines: string[]) => Promise<string>; readonly stored: () => number } {
  const [store, queue, directory] = [fakeStore(), fakeQueue(), fakeDirectory()];
  const hostname = 'mail.example.com';
  const settings = { ...defaultSmtpSettings, hostname, stagingDir: '/nowhere', errorSleepTime: 0, xclientHosts: ['127.0.0.1'] };
  const service = smtpService(settings, {
    directory,
    authenticator: fakeAuthenticator(directory),
    delivery: createDelivery({ directory, store, queue, clock: systemClock, log: silentLog, hostname }),
    queue,
    dns: null,
    clock: systemClock,
    log: silentLog,
  });
  return {
    say: (...lines) =>
      conversation(
        lines.map((line) => Buffer.from(line, 'latin1')),
        (connection) => service.handle(connection, role),
        silentLog,
      ),
    stored: () => store.messages.length + queue.mail.length,
  };
}

/** The text of a message that must never be: all its commands were spoilt by one parameter. */
const rest = ['RCPT TO:<user1@example.com>\r\n', 'DATA\r\n', 'x\r\n.\r\n', 'QUIT\r\n'];

/** @param only the first so many roles */
export async function matrix(only?: number): Promise<string> {
  const counts = { parameters: 0, values: additions.length, commands: 0, taken: 0, brokenReplies: 0 };
  const wrong: string[] = [];
  const roles: readonly (readonly [RoleName, string[]])[] = [
    ['mta', ['EHLO c\r\n']],
    ['msa', ['EHLO c\r\n', `AUTH PLAIN ${Buffer.from('\0user1@example.com\0secret1').toString('base64')}\r\n`]],
    ['lmtp', ['LHLO c\r\n']],
  ];
  const ask = async (role: RoleName, what: string, value: string, ...lines: string[]): Promise<void> => {
    const { say, stored } = session(role);
    const heard = await say(...lines);
    counts.commands++;
    if (!/^(?:\d{3}(?:[ -][^\r\n\0]*)?\r\n)*$/.test(heard)) counts.brokenReplies++;
    if (stored() === 0 && /^5(?:00|01|03|04|21|30|50|55) /m.test(heard)) return;
    counts.taken++;
    wrong.push(`${role} ${what} ${JSON.stringify(value.slice(0, 40))}: ${JSON.stringify(heard.slice(-150))}`);
  };
  const spoilt = (good: string, added: string): readonly string[] => [`${good}${added}`, `${added}${good}`];
  for (const [role, opening] of roles.slice(0, only)) {
    for (const [name, good] of Object.entries(ofMail)) {
      counts.parameters++;
      for (const added of additions)
        for (const value of spoilt(good, added))
          await ask(role, name, value, ...opening, `MAIL FROM:<user1@example.com> ${name}=${value}\r\n`, ...rest);
    }
    for (const [name, good] of Object.entries(ofRcpt)) {
      counts.parameters++;
      for (const added of additions)
        for (const value of spoilt(good, added))
          await ask(
            role,
            name,
            value,
            ...opening,
            'MAIL FROM:<user1@example.com>\r\n',
            `RCPT TO:<user1@example.com> ${name}=${value}\r\n`,
            ...rest.slice(1),
          );
    }
  }
  // None of this would say anything if good ones were refused as well.
  const { say, stored } = session('mta');
  const good = 'MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME RET=FULL ENVID=a+20b AUTH=a SMTPUTF8\r\n';
  const heard = await say('EHLO c\r\n', good, 'RCPT TO:<user1@example.com> NOTIFY=NEVER ORCPT=rfc822;a+20b\r\n', ...rest.slice(1));
  if (stored() !== 1) wrong.push(`good parameters refused: ${JSON.stringify(heard.slice(-200))}`);
  for (const [name, good] of Object.entries(ofXclient)) {
    counts.parameters++;
    for (const added of additions) {
      for (const value of spoilt(good, added)) {
        // What XCLIENT passes over (an encoded octet that no name has) must still not be what the session goes by.
        const { say } = session('mta');
        const heard = await say('EHLO c\r\n', `XCLIENT ${name}=${value}\r\n`, 'EHLO d\r\n', 'QUIT\r\n');
        counts.commands++;
        if (!/^(?:\d{3}(?:[ -][^\r\n\0]*)?\r\n)*$/.test(heard)) counts.brokenReplies++;
        const decodes = /[\x00-\x1f\x7f-\xff]|\+(?:[01][0-9A-F]|7F)/.test(value);
        if (decodes && (heard.match(/^220 /gm)?.length ?? 0) > 1) {
          counts.taken++;
          wrong.push(`XCLIENT ${name}=${JSON.stringify(value.slice(0, 40))}: ${JSON.stringify(heard.slice(-200))}`);
        }
      }
    }
  }
  if (wrong.length > 0) throw new Failed(`${wrong.length} of ${counts.commands} wrong: ${wrong.slice(0, 6).join(' | ')}`);
  return figures(counts, ['taken', 'brokenReplies']);
}

/** Legal and nasty: reverse path, parameters of MAIL, forward path, parameters of RCPT. */
const nasty: readonly (readonly [string, string, string, string])[] = [
  ['<ann@example.com>', 'ENVID=a+20b+3B+22c+22', '<"a b"@far.example>', 'NOTIFY=FAILURE ORCPT=rfc822;a+20b+3B+22@x'],
  ['<ann@example.com>', 'ENVID=X-Evil:+20x RET=FULL', '<"X-Evil: x"@far.example>', 'ORCPT=rfc822;X-Evil:+20x'],
  ['<ann@example.com>', 'RET=HDRS', '<"a\\"b\\\\c"@far.example>', 'NOTIFY=FAILURE,DELAY'],
  ['<ann@example.com>', '', '<"<evil@b>"@far.example>', 'ORCPT=x-evil;+3Cb+3E'],
  ['<ann@example.com>', 'ENVID=__proto__', '<__proto__@far.example>', 'ORCPT=constructor;toString'],
  ['<ann@example.com>', 'SMTPUTF8', '<\u00e9\u2028x@far.example>', 'ORCPT=utf-8;\u00e9\u0085x@y'],
  ['<ann@example.com>', 'SMTPUTF8', '<"\u0085X-Evil: x"@far.example>', ''],
];

/** Through the whole server to a next hop that refuses, and back as a report. */
async function legal(): Promise<string> {
  const said = '550-5.1.1 no\x01\x1b[31m\r\n550 5.1.1 X-Evil: \x7f\x85x';
  const sink = await startSink({
    on: (verb) => (verb === 'RCPT' ? said : undefined),
    extensions: ['SMTPUTF8', 'DSN', '8BITMIME', 'PIPELINING'],
  });
  const server = await faultServer({
    accounts: ['ann@example.com'],
    workers: 1,
    env: { POSTCOTE_RELAY__RELAYHOST: `[127.0.0.1]:${sink.port}`, POSTCOTE_LOG__LEVEL: 'debug' },
  });
  const wrong: string[] = [];
  try {
    for (const [from, mail, to, rcpt] of nasty) {
      const talk = await SmtpTalk.to(server.ports.SMTP);
      await talk.reply();
      await talk.say('EHLO x(y)\\;"X-Evil:');
      const octets = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
      const replies = [
        await talk.say(octets(`MAIL FROM:${from} ${mail}`)),
        await talk.say(octets(`RCPT TO:${to} ${rcpt}`)),
        await talk.say('DATA'),
      ];
      if (replies.every((reply) => /^[23]/.test(reply))) {
        talk.write('Subject: probe\r\nFrom: ann@example.com\r\n\r\nx\r\n.\r\n');
        if (!(await talk.reply()).startsWith('250')) wrong.push(`${to}: text refused`);
      } else talk.write('QUIT\r\n');
      talk.close();
    }
    const client = await ImapClient.connect(server.ports.IMAP);
    await client.line();
    await client.ok('LOGIN ann@example.com secret');
    let there = 0;
    const taken = () => sink.lines.filter((line) => line.startsWith('RCPT')).length;
    for (let i = 0; i < 100; i++) {
      await client.ok('SELECT INBOX');
      const now = Number(/\* (\d+) EXISTS/.exec((await client.ok('NOOP')).join('\n') || '')?.[1] ?? there);
      const status = (await client.ok('STATUS INBOX (MESSAGES)')).join();
      there = Math.max(now, Number(/MESSAGES (\d+)/.exec(status)?.[1] ?? 0));
      if (there >= nasty.length || (i > 40 && there >= taken())) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const mail = (await client.ok('FETCH 1:* BODY.PEEK[]')).join('\n');
    client.close();
    if (/^x-evil/im.test(mail)) wrong.push(`a field was injected: ${JSON.stringify(/.{0,80}\nx-evil.{0,80}/is.exec(mail)?.[0])}`);
    // C1 controls (U+0080 to U+009F) are two octets in UTF-8 and no line end to anybody; C0 have no business here.
    if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(mail)) wrong.push('a control character in a report');
    for (const line of sink.lines) if (/[\x00-\x1f\x7f]/.test(line)) wrong.push(`to the next hop: ${JSON.stringify(line)}`);
    const loose = server.process.log.filter((line) => line.level === undefined);
    if (loose.length > 0) wrong.push(`a log line that is none: ${JSON.stringify(loose[0])}`);
    if (wrong.length > 0) throw new Failed(wrong.slice(0, 5).join(' | '));
    return figures({ legal: nasty.length, toNextHop: taken(), reports: there, injected: 0, errors: server.errors().length }, [
      'errors',
      'injected',
    ]);
  } finally {
    await server.close();
    await sink.close();
  }
}

export const parameterTests: readonly FaultTest[] = [
  { name: 'esmtp-parameters', run: () => matrix() },
  { name: 'legal-and-nasty', run: legal },
];
