import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type SmtpTalk, type SmtpWorld, smtpWorld } from '../../test/support/smtp.ts';
import { type Log, type LogFields, silentLog } from '../base/log.ts';

let world: SmtpWorld;
let talk: SmtpTalk;
afterEach(async () => {
  talk?.close();
  await world?.close();
});

async function begin(...[role, options]: Parameters<typeof smtpWorld>): Promise<void> {
  world = await smtpWorld(role, options);
  talk = await world.connect();
  await talk.reply();
}

async function dialogue(...pairs: readonly (readonly [say: string, hear: string | RegExp])[]): Promise<void> {
  for (const [say, hear] of pairs) {
    const reply = await talk.say(say);
    if (typeof hear === 'string') expect(`${say} → ${reply}`).toBe(`${say} → ${hear}`);
    else expect(reply, say).toMatch(hear);
  }
}

describe('a session on port 25', () => {
  it('answers as Postfix does', async () => {
    world = await smtpWorld('mta');
    talk = await world.connect();
    expect(await talk.reply()).toBe('220 mail.example.com ESMTP');
    await dialogue(
      ['MAIL FROM:<a@b.example>', '503 5.5.1 Error: send HELO/EHLO first'],
      [
        'EHLO localhost',
        /^250-mail\.example\.com\n250-PIPELINING\n250-SIZE 52428800\n250-ETRN\n250-AUTH PLAIN LOGIN\n250-ENHANCEDSTATUSCODES\n/,
      ],
      ['RCPT TO:<user1@example.com>', '503 5.5.1 Error: need MAIL command'],
      ['MAIL FROM: <hoge@localhost>', '250 2.1.0 Ok'],
      ['MAIL FROM:<a@b.example>', '503 5.5.1 Error: nested MAIL command'],
      ['DATA', '503 5.5.1 Error: need RCPT command'],
      ['rcpt to: <user1@example.com>', '250 2.1.5 Ok'],
      ['RCPT TO:<nobody@example.com>', '550 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown in virtual mailbox table'],
      ['RCPT TO:<>', '501 5.1.3 Bad recipient address syntax'],
      ['data', '354 End data with <CR><LF>.<CR><LF>'],
      ['SUBJECT: MAIL TEST\r\nthis is a test\r\n.', '250 2.0.0 Ok: queued as Q1'],
      ['NOOP', '250 2.0.0 Ok'],
      ['RSET', '250 2.0.0 Ok'],
      ['VRFY user1', '502 5.5.1 VRFY command is disabled'],
      ['FOO', '500 5.5.2 Error: command not recognized'],
      ['STARTTLS', '500 5.5.2 Error: command not recognized'],
      ['quit', '221 2.0.0 Bye'],
    );
    expect(await talk.rest()).toBe('');
    expect(world.store.messages).toHaveLength(1);
    const { address, text } = world.store.messages[0]!;
    expect(address).toBe('user1@example.com');
    expect(text).toMatch(
      /^Return-Path: <hoge@localhost>\nX-Original-To: user1@example\.com\nDelivered-To: user1@example\.com\nReceived: from localhost \(localhost \[127\.0\.0\.1\]\)\n\tby mail\.example\.com \(postcote\) with ESMTP id Q1\n\tfor <user1@example\.com>;\n\t.* \+0000\n/,
    );
    expect(text).toMatch(/\nSUBJECT: MAIL TEST\n\nthis is a test\n$/);
  });

  it('takes a pipelined group and answers it in one write', async () => {
    await begin('mta');
    await talk.say('EHLO c.example');
    talk.write('MAIL FROM:<a@b.example>\r\nRCPT TO:<user1@example.com>\r\nRCPT TO:<user2@example.com>\r\nDATA\r\n');
    const replies = [await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply()];
    expect(replies.map((reply) => reply.slice(0, 3))).toEqual(['250', '250', '250', '354']);
    talk.write('Subject: x\r\n\r\n..dot\r\n.\r\nMAIL FROM:<c@d.example>\r\nQUIT\r\n');
    expect([await talk.reply(), await talk.reply(), await talk.reply()]).toEqual([
      '250 2.0.0 Ok: queued as Q1',
      '250 2.1.0 Ok',
      '221 2.0.0 Bye',
    ]);
    expect(world.store.messages.map(({ address }) => address).sort()).toEqual(['user1@example.com', 'user2@example.com']);
    expect(world.store.messages[0]!.text).toMatch(/\nSubject: x\n\n\.dot\n$/);
  });

  it('takes chunks', async () => {
    await begin('mta');
    await talk.say('EHLO c.example');
    await talk.say('MAIL FROM:<a@b.example>');
    await talk.say('RCPT TO:<user1@example.com>');
    talk.write('BDAT 13\r\nSubject: x\r\n\r');
    expect(await talk.reply()).toBe('250 2.0.0 Ok: 13 bytes');
    talk.write('BDAT 8\r\n\n.\r\nEnd.BDAT 0 LAST\r\n');
    expect(await talk.reply()).toBe('250 2.0.0 Ok: 8 bytes');
    expect(await talk.reply()).toBe('250 2.0.0 Ok: 21 bytes queued as Q1');
    expect(world.store.messages[0]!.text).toMatch(/\nSubject: x\n\n\.\nEnd\.\n$/);
    await dialogue(['BDAT 0 LAST', '503 5.5.1 Error: need RCPT command'], ['MAIL FROM:<>', '250 2.1.0 Ok']);
  });

  it('refuses parameters it does not know, and values that are none', async () => {
    await begin('mta', { settings: { messageSizeLimit: 1000 } });
    await dialogue(
      ['EHLO c', /^250/],
      ['MAIL FROM:<a@b.example> FOO=1', '555 5.5.4 Unsupported option: FOO'],
      ['MAIL FROM:<a@b.example> toString=1', '555 5.5.4 Unsupported option: TOSTRING'],
      ['MAIL FROM:<a@b.example> SIZE=x', '501 5.5.4 Bad message size syntax'],
      ['MAIL FROM:<a@b.example> SIZE=1001', '552 5.3.4 Message size exceeds fixed limit'],
      ['MAIL FROM:<a@b.example> BODY=BINARYMIME', /^501 5\.5\.4/],
      ['MAIL FROM:<a@b.example> RET=x', '501 5.5.4 Bad RET parameter syntax'],
      ['MAIL FROM:<a@b.example> ENVID=ab+0D+0Acd', '501 5.5.4 Bad ENVID parameter syntax'],
      ['MAIL FROM:<a@b', '501 5.1.7 Bad sender address syntax'],
      ['MAIL a@b', '501 5.5.4 Syntax: MAIL FROM:<address>'],
      ['MAIL FROM:<\u00c3\u00bc@b.example>', '553 5.6.7 Must declare SMTPUTF8 to send unicode address'],
      ['MAIL FROM:<\u00fc@b.example>', '500 5.5.2 Error: bad UTF-8 syntax'],
      ['MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>', '250 2.1.0 Ok'],
      ['RCPT TO:<user1@example.com> NOTIFY=NEVER,DELAY', '501 5.5.4 Error: Bad NOTIFY parameter syntax'],
      ['RCPT TO:<user1@example.com> ORCPT=x', '501 5.5.4 Error: Bad ORCPT parameter syntax'],
      ['RCPT TO:<user1@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;user1@example.com', '250 2.1.5 Ok'],
    );
  });

  it('refuses a message that is too big and goes on', async () => {
    await begin('mta', { settings: { messageSizeLimit: 1000 } });
    await dialogue(
      ['EHLO c', /^250/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<user1@example.com>', /^250/],
      ['DATA', /^354/],
      [`${`${'x'.repeat(98)}\r\n`.repeat(11)}.`, '552 5.3.4 Message size exceeds fixed limit'],
      ['NOOP', '250 2.0.0 Ok'],
    );
    expect(world.store.messages).toHaveLength(0);
  });

  it('stops at the recipient limit', async () => {
    await begin('mta', { settings: { recipientLimit: 2 } });
    await dialogue(
      ['EHLO c', /LIMITS RCPTMAX=2/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<user1@example.com>', /^250/],
      ['RCPT TO:<user2@example.com>', /^250/],
      ['RCPT TO:<user1@example.com>', '452 4.5.3 Error: too many recipients'],
    );
  });

  it('takes 1,000 recipients and not one more, and gives each mailbox one copy', async () => {
    await begin('mta');
    world.directory.aliases.set('@example.com', ['user1@example.com']);
    await dialogue(['EHLO c', /LIMITS RCPTMAX=1000/], ['MAIL FROM:<a@b.example>', /^250/]);
    talk.write(Array.from({ length: 1001 }, (_, i) => `RCPT TO:<r${i}@example.com>\r\n`).join(''));
    for (let i = 0; i < 1000; i++) expect(await talk.reply()).toBe('250 2.1.5 Ok');
    expect(await talk.reply()).toBe('452 4.5.3 Error: too many recipients');
    await dialogue(['DATA', /^354/], ['Subject: x\r\n\r\n.', /^250 2\.0\.0 Ok: queued as/], ['QUIT', /^221/]);
    expect(world.store.messages).toHaveLength(1);
  });

  it('ends a session of mistakes', async () => {
    await begin('mta');
    talk.write('FOO\r\n'.repeat(10_000));
    const all = await talk.rest();
    expect(all.split('\r\n').filter((line) => line.startsWith('500'))).toHaveLength(20);
    expect(all).toMatch(/421 4\.7\.0 mail\.example\.com Error: too many errors\r\n$/);
  });

  it.each([
    ['a bare LF', 'EHLO x\nNOOP\r\n', /^521 5\.5\.2 .* Error: bare <LF> received/],
    ['a bare CR', 'NOOP a\rb\r\n', /^521 5\.5\.2 .* Error: bare <CR> received/],
    ['NUL', 'NOOP \0\r\n', /^500 5\.5\.2 Error: bad syntax/],
    ['a long line', `NOOP ${'x'.repeat(5000)}\r\n`, /^500 5\.5\.2 Error: line too long/],
    ['an endless line', 'x'.repeat(2 << 20), /^421 4\.5\.2 .* Error: line too long/],
    ['a browser', 'POST / HTTP/1.1\r\n', /^221 2\.7\.0 Error: I can break rules, too\. Goodbye\./],
  ])('refuses %s', async (_, bytes, expected) => {
    await begin('mta');
    talk.write(bytes);
    expect(await talk.reply()).toMatch(expected);
  });

  it('refuses a message sent before its turn, and none of its lines is a command', async () => {
    await begin('mta');
    await talk.say('EHLO c');
    talk.write('MAIL FROM:<a@b.example>\r\nRCPT TO:<user1@example.com>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nNOOP\r\n');
    await talk.reply();
    await talk.reply();
    expect(await talk.reply()).toBe('503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining');
    expect(await talk.rest()).toBe('');
  });

  it('says 421 when it shuts down', async () => {
    await begin('mta');
    await talk.say('EHLO c');
    const closed = world.service.close(1000);
    expect(await talk.reply()).toBe('421 4.3.2 mail.example.com Service shutting down');
    talk.close();
    await closed;
  });

  it('says 421 in the middle of a transaction, and after the message that is on its way', async () => {
    await begin('mta');
    await dialogue(['EHLO c', /^250/], ['MAIL FROM:<a@b.example>', /^250/], ['RCPT TO:<user1@example.com>', /^250/], ['DATA', /^354/]);
    const other = await world.connect();
    await other.reply();
    other.write('EHLO c\r\nMAIL FROM:<>\r\n');
    await other.reply();
    await other.reply();
    const closed = world.service.close(2000);
    expect(await other.reply()).toBe('421 4.3.2 mail.example.com Service shutting down');
    talk.write('Subject: x\r\n\r\n.\r\nNOOP\r\n');
    expect(await talk.reply()).toMatch(/^250 2\.0\.0 Ok: queued/);
    expect(await talk.reply()).toBe('421 4.3.2 mail.example.com Service shutting down');
    other.close();
    talk.close();
    await closed;
    expect(world.store.messages).toHaveLength(1);
  });

  it('keeps a large message out of memory', async () => {
    await begin('mta');
    await dialogue(['EHLO c', /^250/], ['MAIL FROM:<a@b.example>', /^250/], ['RCPT TO:<user1@example.com>', /^250/], ['DATA', /^354/]);
    const line = `${'0123456789'.repeat(7)}\r\n`;
    talk.write(`Subject: large\r\n\r\n${line.repeat(40_000)}.\r\n`);
    expect(await talk.reply()).toMatch(/^250/);
    expect(world.store.messages[0]!.text.split('Subject: large\n\n')[1]).toBe(line.replace('\r', '').repeat(40_000));
    expect(readdirSync(world.stagingDir)).toEqual([]);
  });

  it('takes a message octet by octet', async () => {
    await begin('mta');
    await dialogue(['EHLO c', /^250/], ['MAIL FROM:<a@b.example>', /^250/], ['RCPT TO:<user1@example.com>', /^250/], ['DATA', /^354/]);
    const text = `Subject: drops\r\n\r\n${'drop\r\n'.repeat(100)}.\r\n`;
    for (const octet of text) {
      talk.write(octet);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await talk.reply()).toMatch(/^250/);
    expect(world.store.messages[0]!.text.split('Subject: drops\n\n')[1]).toBe('drop\n'.repeat(100));
  });

  it('logs a line for the session, without what must not be logged', async () => {
    const lines: LogFields[] = [];
    const log: Log = { ...silentLog, info: (fields, msg) => void lines.push({ ...fields, msg }) };
    await begin('mta', { log });
    await dialogue(
      ['EHLO c.example', /^250/],
      [`AUTH PLAIN ${Buffer.from('\0user1@example.com\0secret1').toString('base64')}`, /^235/],
      ['FOO', /^500/],
      ['QUIT', /^221/],
    );
    await talk.rest();
    await world.close();
    const sessions = lines.filter(({ msg }) => msg === 'session');
    expect(sessions).toHaveLength(1);
    expect(sessions[0]).toMatchObject({
      role: 'mta',
      address: '127.0.0.1',
      helo: 'c.example',
      login: 'user1@example.com',
      messages: 0,
      errors: 1,
      reason: 'quit',
    });
    expect(JSON.stringify(lines)).not.toMatch(/secret1|AUTH|c2VjcmV0/);
  });

  it('answers a bug of ours with 451 and goes on', async () => {
    await begin('mta');
    world.directory.expand = () => Promise.reject(new TypeError('boom'));
    await dialogue(
      ['EHLO c', /^250/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<user1@example.com>', '451 4.3.0 Error: internal error'],
      ['NOOP', /^250/],
    );
  });

  it('needs no HELO where none is asked for', async () => {
    await begin('mta', { settings: { heloRequired: false } });
    await dialogue(['MAIL FROM:<a@b.example>', '250 2.1.0 Ok'], ['RCPT TO:<user1@example.com>', '250 2.1.5 Ok']);
  });

  it('counts idle commands as mistakes past their limit', async () => {
    await begin('mta', { settings: { junkCommandLimit: 5, hardErrorLimit: 3 } });
    talk.write('NOOP\r\n'.repeat(20));
    expect((await talk.rest()).split('\r\n').filter((line) => line.startsWith('250'))).toHaveLength(8);
  });

  it('says 421 to a silent client', async () => {
    await begin('mta', { settings: { timeout: 50 } });
    expect(await talk.reply()).toBe('421 4.4.2 mail.example.com Error: timeout exceeded');
  });

  it('ends in order when the client leaves in the middle of a message', async () => {
    await begin('mta');
    await dialogue(['EHLO c', /^250/], ['MAIL FROM:<>', /^250/], ['RCPT TO:<user1@example.com>', /^250/], ['DATA', /^354/]);
    talk.write('Subject: half');
    talk.socket.end();
    expect(await talk.rest()).toBe('');
    expect(world.store.messages).toHaveLength(0);
  });
});

describe('over quota', () => {
  it('is 452 4.2.2 for the only recipient', async () => {
    await begin('mta');
    world.store.faults.set('user1@example.com', 'overQuota');
    await dialogue(
      ['EHLO c', /^250/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<user1@example.com>', /^250/],
      ['DATA', /^354/],
      ['Subject: x\r\n\r\n.', '452 4.2.2 Mailbox full'],
    );
    expect(world.queue.mail).toHaveLength(0);
  });

  it('is kept for later when another recipient has the message', async () => {
    await begin('mta');
    world.store.faults.set('user1@example.com', 'overQuota');
    await dialogue(
      ['EHLO c', /^250/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<user1@example.com>', /^250/],
      ['RCPT TO:<user2@example.com>', /^250/],
      ['DATA', /^354/],
      ['Subject: x\r\n\r\n.', /^250 2\.0\.0 Ok: queued as Q1/],
    );
    expect(world.store.messages.map(({ address }) => address)).toEqual(['user2@example.com']);
    expect(world.queue.mail.map(({ recipients }) => recipients.map((r) => [r.transport, r.address.localPart]))).toEqual([
      [['local', 'user1']],
    ]);
  });
});

describe('a session on port 587', () => {
  const plain = (name: string, password: string) => Buffer.from(`${name}\0${name}\0${password}`).toString('base64');

  it('takes mail after AUTH only, from whom the login is', async () => {
    await begin('msa');
    await dialogue(
      ['EHLO c', /AUTH PLAIN LOGIN/],
      ['MAIL FROM:<user1@example.com>', '530 5.7.0 Authentication required'],
      [`AUTH PLAIN ${plain('user1@example.com', 'wrong')}`, /^535 5\.7\.8 Error: authentication failed/],
      ['AUTH FOO', '504 5.5.4 Unrecognized authentication type'],
      ['AUTH PLAIN !!', /^501 5\.5\.2/],
      ['AUTH PLAIN', /^334/],
      ['*', '501 5.7.0 Authentication aborted'],
      ['AUTH LOGIN', '334 VXNlcm5hbWU6'],
      [Buffer.from('user1@example.com').toString('base64'), '334 UGFzc3dvcmQ6'],
      [Buffer.from('secret1').toString('base64'), '235 2.7.0 Authentication successful'],
      ['AUTH LOGIN', '503 5.5.1 Error: already authenticated'],
      ['MAIL FROM:<user2@example.com>', '250 2.1.0 Ok'],
      ['RCPT TO:<x@remote.example>', '553 5.7.1 <user2@example.com>: Sender address rejected: not owned by user user1@example.com'],
      ['RSET', /^250/],
      ['MAIL FROM:<user1@example.com>', '250 2.1.0 Ok'],
      ['RCPT TO:<x@remote.example>', '250 2.1.5 Ok'],
      ['RCPT TO:<user2@example.com>', '250 2.1.5 Ok'],
      ['DATA', /^354/],
      ['Subject: x\r\n\r\nhello\r\n.', '250 2.0.0 Ok: queued as Q1'],
    );
    expect(world.queue.mail).toHaveLength(1);
    expect(world.queue.mail[0]).toMatchObject({ id: 'Q1', sender: 'user1@example.com', recipients: [{ transport: 'relay' }] });
    expect(world.queue.mail[0]!.text).toMatch(
      /^Received: .*\n\tby .* with ESMTPA id Q1;\n\t.*\nFrom: user1@example\.com\nDate: .*\nMessage-ID: <.*@mail\.example\.com>\nSubject: x\n\nhello\n$/,
    );
    expect(world.store.messages.map(({ address }) => address)).toEqual(['user2@example.com']);
  });

  it('asks no list about hosts of a person', async () => {
    const restrictions = { client: ['reject'], helo: ['reject'], sender: [], recipient: [], data: [] };
    await begin('msa', { settings: { restrictions } });
    await dialogue(
      ['EHLO c', /^250/],
      [`AUTH PLAIN ${plain('user1@example.com', 'secret1')}`, /^235/],
      ['MAIL FROM:<user1@example.com>', /^250/],
      ['RCPT TO:<x@remote.example>', '250 2.1.5 Ok'],
    );
  });

  it('takes the null path from a login, for notices', async () => {
    await begin('msa');
    await dialogue(
      ['EHLO c', /^250/],
      [`AUTH PLAIN ${plain('user1@example.com', 'secret1')}`, '235 2.7.0 Authentication successful'],
      ['MAIL FROM:<>', '250 2.1.0 Ok'],
      ['RCPT TO:<x@remote.example>', '250 2.1.5 Ok'],
    );
  });

  it('has no AUTH where a password must not cross the wire', async () => {
    await begin('msa', { strictAuth: true });
    await dialogue(
      ['EHLO c', /^(?!.*AUTH)/s],
      ['AUTH PLAIN AAAA', '503 5.5.1 Error: authentication not enabled'],
      ['MAIL FROM:<user1@example.com>', '530 5.7.0 Authentication required'],
    );
  });
});

describe('LMTP', () => {
  it('answers for each recipient', async () => {
    await begin('lmtp');
    world.store.faults.set('user2@example.com', 'overQuota');
    await dialogue(
      ['EHLO c', /^500 5\.5\.2/],
      ['MAIL FROM:<>', '503 5.5.1 Error: send LHLO first'],
      ['LHLO c', /^250-mail/],
      ['MAIL FROM:<a@b.example>', /^250/],
      ['RCPT TO:<x@remote.example>', /^550 5\.1\.1/],
      ['RCPT TO:<user1@example.com>', /^250/],
      ['RCPT TO:<user2@example.com>', /^250/],
      ['DATA', /^354/],
    );
    talk.write('Subject: x\r\n\r\n.\r\n');
    expect(await talk.reply()).toBe('250 2.0.0 <user1@example.com> Ok: queued as Q1');
    expect(await talk.reply()).toBe('452 4.2.2 <user2@example.com> Mailbox full');
    expect(world.queue.mail).toHaveLength(0);
    expect(world.store.messages[0]!.text).toMatch(/with LMTP id Q1/);
  });
});
