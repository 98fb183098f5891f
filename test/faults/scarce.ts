// Too few descriptors, too little memory, names that nobody resolves.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDns, type Zone } from '../support/dns-server.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { ImapUser, sendMail } from './clients.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';
import { messageText } from './ledger.ts';

const ann = 'ann@example.com';

/** A connection, and what it was greeted with: '' while it waits, `closed` without a word. */
class Visitor {
  greeting = '';
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      if (this.greeting.length < 200) this.greeting += text;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      if (this.greeting === '') this.greeting = 'closed';
    });
  }
}

/** 256 descriptors and more connections than that. */
async function descriptors(): Promise<string> {
  const server = await faultServer({ accounts: [ann], workers: 1, wrapper: ['prlimit', '--nofile=256:256'] });
  const visitors: Visitor[] = [];
  const user = new ImapUser(server.ports.IMAP, ann);
  try {
    await user.last('NOOP');
    const before = await sendMail(server.ports.SMTP, ann, messageText(1));
    for (let i = 0; i < 330; i++) {
      visitors.push(new Visitor(i % 2 === 0 ? server.ports.IMAP : server.ports.SMTP));
      if (i % 20 === 0) await sleep(20);
    }
    for (let i = 0; i < 100 && visitors.some(({ greeting }) => greeting === ''); i++) await sleep(20);
    const of = (pattern: RegExp): number => visitors.filter(({ greeting }) => pattern.test(greeting)).length;
    const during = await sendMail(server.ports.SMTP, ann, messageText(2));
    const text = messageText(3);
    const session = [
      await user.last('NOOP'),
      await user.last(`APPEND INBOX {${text.length}+}\r\n${text}`),
      await user.last('FETCH 1 BODY.PEEK[]'),
    ];
    const [served, refused, silent, waiting] = [of(/^(220|\* OK)/), of(/^(421|\* BYE)/), of(/^closed$/), of(/^$/)];
    for (const { socket } of visitors) socket.destroy();
    const freed = performance.now();
    let after = '';
    while (!after.startsWith('250') && performance.now() - freed < 5000) after = await sendMail(server.ports.SMTP, ann, messageText(4));
    return figures(
      {
        connections: visitors.length,
        served,
        refused,
        silent,
        waiting,
        sessionFailed: session.filter((line) => !line.startsWith('OK')).length,
        oddReplies: [before, during, after].filter((reply) => !/^(250|421|4\d\d)/.test(reply)).length,
        servedAgainAfterMs: Math.round(performance.now() - freed),
        errors: server.errors().length,
      },
      ['silent', 'waiting', 'sessionFailed', 'oddReplies', 'errors'],
      { servedAgainAfterMs: 2000 },
      { served: 100, refused: 100 },
    );
  } finally {
    user.close();
    for (const { socket } of visitors) socket.destroy();
    await server.close();
  }
}

/** A heap of 48 MB for each process, and messages that are larger; many at once. */
async function memory(): Promise<string> {
  const server = await faultServer({
    accounts: [ann],
    workers: 1,
    env: { NODE_OPTIONS: '--max-old-space-size=48', POSTCOTE_MAIL__MESSAGE_SIZE_LIMIT: String(64 << 20) },
  });
  const user = new ImapUser(server.ports.IMAP, ann);
  try {
    const line = `${'x'.repeat(74)}\r\n`;
    const big = `Subject: big\r\n\r\n${line.repeat((20 << 20) / 76)}`;
    const replies = await Promise.all(Array.from({ length: 4 }, () => sendMail(server.ports.SMTP, ann, big)));
    const appended = await user.last(`APPEND INBOX {${big.length}+}\r\n${big}`);
    const stored = replies.filter((reply) => reply.startsWith('250')).length + Number(appended.startsWith('OK'));
    const status = await user.say('STATUS INBOX (MESSAGES)');
    const there = Number(/MESSAGES (\d+)/.exec(status.join(' '))?.[1] ?? -1);
    const read = await user.say('FETCH 1 (BODYSTRUCTURE BODY.PEEK[1])');
    const after = await sendMail(server.ports.SMTP, ann, messageText(1));
    const died = server.logs().filter(({ msg }) => msg === 'worker died, replacing it').length;
    return figures(
      {
        messagesOf20MB: 5,
        accepted: stored,
        lost: Math.max(0, stored - there),
        oddReplies: replies.filter((reply) => !/^(250|4\d\d)/.test(reply)).length + Number(!/^(OK|NO)/.test(appended)),
        readBytes: read.join('').length,
        readFailed: Number(there > 0 && !read.at(-1)!.startsWith('OK')),
        refusedAfter: Number(!after.startsWith('250')),
        workersDied: died,
        errors: server.errors().length,
      },
      ['lost', 'oddReplies', 'readFailed', 'refusedAfter', 'workersDied', 'errors'],
    );
  } finally {
    user.close();
    await server.close();
  }
}

/** Resolvers that fail, never answer or cut their answers short. */
async function names(): Promise<string> {
  const silentZone: Zone = new Proxy({}, { get: () => 'silent' });
  const failingZone: Zone = new Proxy({}, { get: () => 'SERVFAIL' });
  const long = Array.from({ length: 60 }, (_, n) => ({ preference: n, exchange: `mx${n}.a-rather-long-name-of-a-host.sender.test` }));
  const longZone: Zone = {
    'sender.test MX': long,
    'sender.test A': ['127.0.0.9'],
    '1.0.0.127.in-addr.arpa PTR': ['client.sender.test'],
    'client.sender.test A': ['127.0.0.1'],
  };
  const result: Record<string, number> = {};
  const wrong: string[] = [];
  for (const [kind, zone] of [
    ['silent', silentZone],
    ['servfail', failingZone],
    ['truncated', longZone],
  ] as const) {
    const dns = await startDns(zone);
    const server = await faultServer({
      accounts: [ann],
      env: {
        POSTCOTE_DNS__SERVERS: `${dns.host}:${dns.port}`,
        POSTCOTE_SMTP__SENDER_RESTRICTIONS: 'reject_unknown_sender_domain',
        POSTCOTE_SMTP__RECIPIENT_RESTRICTIONS: 'permit_mynetworks,reject_unauth_destination,reject_unknown_recipient_domain',
        POSTCOTE_SMTP__CLIENT_RESTRICTIONS: 'reject_unknown_client_hostname',
      },
    });
    try {
      const began = performance.now();
      const replies = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const talk = await SmtpTalk.to(server.ports.SMTP);
          await talk.reply();
          await talk.say('EHLO driver.test');
          const mail = await talk.say('MAIL FROM:<x@sender.test>');
          const reply = mail.startsWith('250') ? await talk.say(`RCPT TO:<${n % 2 === 0 ? ann : 'y@sender.test'}>`) : mail;
          talk.close();
          return reply;
        }),
      );
      result[`${kind}Ms`] = Math.round(performance.now() - began);
      const wanted = kind === 'truncated' ? /^250/ : /^4\d\d/;
      for (const reply of replies) if (!wanted.test(reply)) wrong.push(`${kind}: ${reply}`);
      // Those who ask for no name are served meanwhile.
      const user = new ImapUser(server.ports.IMAP, ann);
      const idle = performance.now();
      if (!(await user.last('NOOP')).startsWith('OK')) wrong.push(`${kind}: no IMAP`);
      result[`${kind}ImapMs`] = Math.round(performance.now() - idle);
      user.close();
      result.errors = (result.errors ?? 0) + server.errors().length;
    } finally {
      await server.close();
      await dns.close();
    }
  }
  if (wrong.length > 0) result[`wrong (${wrong[0]})`] = wrong.length;
  return figures({ wrongReplies: wrong.length, ...result }, ['wrongReplies', 'errors'], {
    silentMs: 60_000,
    servfailMs: 5000,
    truncatedMs: 5000,
    silentImapMs: 2000,
    servfailImapMs: 2000,
    truncatedImapMs: 2000,
  });
}

export const scarceTests: readonly FaultTest[] = [
  { name: 'few-descriptors', run: descriptors },
  { name: 'little-memory', run: memory },
  { name: 'no-names', run: names },
];
