// Whatever octets get in, by whatever way: what goes out has no bare CR or LF and is the one message it was.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDirectory } from '../../src/directory/open.ts';
import { ImapClient } from '../support/imap.ts';
import { root } from '../support/server.ts';
import { SmtpTalk } from '../support/smtp.ts';
import { startSink } from '../support/smtp-sink.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures, seeded } from './fault-test.ts';

const smuggled = 'MAIL FROM:<evil@b.example>\r\nRCPT TO:<x@far.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n';

/** A text of line ends, dots and what stands for them. */
function nasty(random: () => number): string {
  const piece = (): string =>
    ['\r', '\n', '\r\n', '.', '..', '\r\n.\r\n', '\n.\n', '\r.\r', '\n.\r\n', 'a', 'From x\n', smuggled][Math.floor(random() * 12)]!;
  return `Subject: probe\nFrom: ann@example.com\n\nstart\n${Array.from({ length: 1 + Math.floor(random() * 12) }, piece).join('')}end\n`;
}

async function relayedText(messages: number): Promise<string> {
  const sink = await startSink();
  const server = await faultServer({
    accounts: ['ann@example.com'],
    workers: 1,
    env: { POSTCOTE_RELAY__RELAYHOST: `[127.0.0.1]:${sink.port}` },
  });
  const random = seeded(3);
  const wrong: string[] = [];
  const count = {
    texts: messages,
    sendmail: 0,
    bySmtp: 0,
    refused: 0,
    appended: 0,
    fetched: 0,
    resent: 0,
    out: 0,
    bareOut: 0,
    commandsInjected: 0,
  };
  const texts: string[] = [];
  /** To an alias that leads elsewhere. */
  const forward = async (text: string): Promise<string> => {
    const talk = await SmtpTalk.to(server.ports.SMTP);
    await talk.reply();
    for (const line of ['EHLO c', 'MAIL FROM:<ann@example.com>', 'RCPT TO:<forward@example.com>']) await talk.say(line);
    talk.write(`BDAT ${text.length} LAST\r\n${text}`);
    const reply = await talk.reply();
    talk.close();
    return reply;
  };
  try {
    const directory = openDirectory({
      file: join(server.dir, 'data/directory.sqlite'),
      home: '/x/%d/%n',
      quota: 0,
      recipientDelimiter: '+',
    });
    directory.manage.addAlias('forward@example.com', ['far@far.example']);
    directory.close();
    const maildir = join(server.dir, 'mail/example.com/ann/Maildir');
    for (const name of ['tmp', 'new', 'cur']) mkdirSync(join(maildir, name), { recursive: true, mode: 0o700 });
    for (let i = 0; i < messages; i++) {
      const text = nasty(random);
      // As a program of this machine: octets as they are.
      if (i % 4 === 0) {
        const ran = spawnSync(process.execPath, [join(root, 'dist/cli.js'), 'sendmail', '-i', '-f', 'ann@example.com', 'far@far.example'], {
          cwd: server.dir,
          env: { ...process.env, ...server.env },
          input: Buffer.from(text, 'latin1'),
        });
        if (ran.status === 0) count.sendmail++;
        else wrong.push(`sendmail: ${ran.stderr.toString()}`);
      }
      // In the Maildir, by somebody else.
      appendFileSync(join(maildir, 'new', `17000000${i}.M1P1.x`), Buffer.from(text, 'latin1'));
      texts.push(text);
      // By SMTP to an alias that leads elsewhere, in chunks, which need no dots; what is not taken is refused.
      const crlf = Math.floor(random() * 2) === 0 ? text.replace(/\r\n|\r|\n/g, '\r\n') : text;
      const reply = await forward(crlf);
      if (reply.startsWith('250')) count.bySmtp++;
      else if (reply.startsWith('5')) count.refused++;
      else wrong.push(`BDAT: ${reply}`);
    }
    // By APPEND, as text and as binary data, octets as they are.
    const client = await ImapClient.connect(server.ports.IMAP);
    await client.line();
    await client.ok('LOGIN ann@example.com secret');
    for (const [i, text] of texts.entries()) {
      const said = (await client.command(`APPEND INBOX ${i % 2 === 0 ? '' : '~'}{${text.length}+}\r\n${text}`)).at(-1)!;
      if (said.startsWith('OK')) count.appended++;
      else wrong.push(`APPEND: ${said}`);
    }
    // What lies in the Maildir comes out by IMAP as literals, whose length says where they end.
    await client.ok('SELECT INBOX');
    const all = await client.ok('FETCH 1:* (RFC822.SIZE BODY.PEEK[])');
    for (const one of all) {
      const [, size, length] = /RFC822\.SIZE (\d+) BODY\[\] \{(\d+)\}/.exec(one) ?? [];
      if (size === undefined) continue;
      count.fetched++;
      if (size !== length || /(?<!\r)\n/.test(one)) wrong.push(`fetched with a bare LF or another size: ${size} ${length}`);
      // What a client got it hands on to another server.
      const text = one.slice(one.indexOf('}\r\n') + 3).slice(0, Number(length));
      const reply = await forward(text);
      if (reply.startsWith('250')) count.resent++;
      else if (reply.startsWith('5') && /\r(?!\n)/.test(text)) count.refused++;
      else wrong.push(`sent again: ${reply}`);
    }
    client.close();
    const wanted = count.sendmail + count.bySmtp + count.resent;
    for (let i = 0; i < 200 && sink.received.length < wanted; i++) await sleep(50);
    count.out = sink.received.length;
    if (count.out !== wanted) wrong.push(`${count.out} of ${wanted} went out`);
    for (const { wire, rcpt } of sink.received) {
      if (/\r(?!\n)|(?<!\r)\n/.test(wire.toString('latin1'))) count.bareOut++;
      if (rcpt.length !== 1 || !rcpt[0]!.includes('<far@far.example>')) count.commandsInjected++;
    }
    if (sink.lines.some((line) => line.includes('evil@'))) count.commandsInjected++;
    if (wrong.length > 0) throw new Failed(wrong.slice(0, 4).join(' | '));
    return figures({ ...count, errors: server.errors().length }, ['bareOut', 'commandsInjected', 'errors']);
  } finally {
    await server.close();
    await sink.close();
  }
}

/** Who may not speak for others: no XCLIENT, no XFORWARD, no PROXY header, whatever it says. */
async function untrusted(): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'], workers: 1, env: { POSTCOTE_SMTP__MYNETWORKS: '192.0.2.0/24' } });
  const wrong: string[] = [];
  let probes = 0;
  try {
    const ask = async (port: 'SMTP' | 'SUBMISSION' | 'LMTP', wanted: RegExp, ...lines: string[]): Promise<void> => {
      probes++;
      const talk = await SmtpTalk.to(server.ports[port]);
      await talk.reply();
      let last = '';
      for (const line of lines) last = await talk.say(line);
      if (!wanted.test(last)) wrong.push(`${port} ${JSON.stringify(lines.at(-1))}: ${last}`);
      talk.close();
    };
    for (const port of ['SMTP', 'SUBMISSION'] as const) {
      for (const line of ['XCLIENT ADDR=192.0.2.1', 'XCLIENT LOGIN=ann@example.com', 'XCLIENT NAME=localhost ADDR=127.0.0.1 HELO=x'])
        await ask(port, /^550 5\.7\.0/, 'EHLO c', line);
      await ask(port, /^50[02]/, 'EHLO c', 'XFORWARD ADDR=192.0.2.1');
      await ask(port, /^50[02]/, 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2');
      // And none of it has changed who the client is.
      await ask(
        port,
        /^5\d\d/,
        'EHLO c',
        'XCLIENT ADDR=192.0.2.1',
        'PROXY TCP4 192.0.2.1 192.0.2.2 1 2',
        'EHLO c',
        'MAIL FROM:<ann@example.com>',
        'RCPT TO:<x@far.example>',
      );
      await ask(port, /^\d{3}-(?!.*XCLIENT)/s, 'EHLO c');
    }
    // On 587 the reverse path belongs to the login.
    const login = `AUTH PLAIN ${Buffer.from('\0ann@example.com\0secret').toString('base64')}`;
    for (const [sender, wanted] of [
      ['ann@example.com', /^250/],
      ['ANN@Example.com', /^250/],
      ['bob@example.com', /^553/],
      ['ann@other.example', /^553/],
      ['"ann"@example.com', /^250/],
      ['ann@example.com.evil.example', /^553/],
      ['x@far.example', /^553/],
    ] as const)
      await ask('SUBMISSION', wanted, 'EHLO c', login, `MAIL FROM:<${sender}>`, 'RCPT TO:<ann@example.com>');
    // Relaying needs mynetworks or a login; source routes and the like are no way around.
    for (const to of [
      'x@far.example',
      '"x@far.example"@example.com',
      'x%far.example@example.com',
      'far.example!x@example.com',
      '@example.com:x@far.example',
      'x@far.example@example.com',
      'x@[192.0.2.9]',
    ])
      await ask('SMTP', /^[45]\d\d/, 'EHLO c', 'MAIL FROM:<a@b.example>', `RCPT TO:<${to}>`);
    const { status } = await fetch(`http://127.0.0.1:${server.ports.HTTP}/../../etc/passwd`);
    probes++;
    if (status === 200) wrong.push('http serves files');
    for (const path of ['/', '/queue', '/users', '/config', '/.env', '/metrics/../config']) {
      probes++;
      const response = await fetch(`http://127.0.0.1:${server.ports.HTTP}${path}`);
      const text = await response.text();
      if (/ann@example\.com|secret|postcote\.toml/.test(text)) wrong.push(`http ${path} tells ${text.slice(0, 80)}`);
    }
    const metrics = await (await fetch(`http://127.0.0.1:${server.ports.HTTP}/metrics`)).text();
    if (/ann|@/.test(metrics.replace(/^#.*$/gm, ''))) wrong.push('metrics tell of accounts');
    if (wrong.length > 0) throw new Failed(wrong.slice(0, 6).join(' | '));
    return figures({ probes, wrong: 0, errors: server.errors().length }, ['errors']);
  } finally {
    await server.close();
  }
}

export const relayedTextTests: readonly FaultTest[] = [
  { name: 'relayed-text', run: ({ long }) => relayedText(long ? 2000 : 60) },
  { name: 'untrusted', run: untrusted },
];
