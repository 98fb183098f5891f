import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../../test/support/certificate.ts';
import { type SmtpTalk, type SmtpWorld, smtpWorld } from '../../test/support/smtp.ts';
import { TlsContexts } from '../net/tls.ts';

const marks = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r.\r\n', '\n.\r', '\r\n.\r', '\r\n.\0\r\n', '\r\r\n.\r\r\n', '\r\n..\n'];
const second = 'MAIL FROM:<evil@b.example>\r\nRCPT TO:<user2@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n';

let world: SmtpWorld;
beforeAll(async () => {
  world = await smtpWorld('mta');
});
afterAll(() => world.close());

async function opened(): Promise<SmtpTalk> {
  const talk = await world.connect();
  await talk.reply();
  talk.write('EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<user1@example.com>\r\n');
  for (let i = 0; i < 3; i++) expect(await talk.reply()).toMatch(/^250/);
  return talk;
}

/** Writes `wire` in two pieces that arrive apart, then leaves. @returns all replies */
async function inTwo(talk: SmtpTalk, wire: string, at: number): Promise<string> {
  talk.write(wire.slice(0, at));
  if (at > 0) await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  talk.write(wire.slice(at));
  talk.socket.end();
  return await talk.rest();
}

describe('a message that holds another', () => {
  it.each(marks)('after %j is one message or none, wherever the octets are split', async (mark) => {
    const body = `Subject: x\r\n\r\nbody${mark}`;
    const wire = `${body}${second}QUIT\r\n`;
    for (let at = body.length - mark.length - 1; at <= body.length + 3; at++) {
      world.store.messages.length = 0;
      const talk = await opened();
      await talk.say('DATA');
      const replies = await inTwo(talk, wire, at);
      expect(world.store.messages, `${at}: ${replies}`).toHaveLength(0);
      expect(replies).toMatch(mark.includes('\0') ? /^550 5\.6\.0/ : /^521 5\.5\.2 .* Error: bare <(?:CR|LF)> received\r\n$/);
    }
  });

  it.each(marks)('after %j, pipelined with DATA, is refused as a whole', async (mark) => {
    world.store.messages.length = 0;
    const talk = await opened();
    const replies = await inTwo(talk, `DATA\r\nSubject: x\r\n\r\nbody${mark}${second}QUIT\r\n`, 0);
    expect(world.store.messages).toHaveLength(0);
    expect(replies).toBe('503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining\r\n');
  });

  it.each(marks)('after %j in chunks is one message or none', async (mark) => {
    const body = `Subject: x\r\n\r\nbody${mark}${second}`;
    for (let at = 14; at <= 24; at++) {
      world.store.messages.length = 0;
      const talk = await opened();
      const wire = `BDAT ${at}\r\n${body.slice(0, at)}BDAT ${body.length - at} LAST\r\n${body.slice(at)}QUIT\r\n`;
      const replies = await inTwo(talk, wire, 8 + at);
      expect(world.store.messages, `${at}: ${replies}`).toHaveLength(0);
      expect(replies).toMatch(/^(?:250 2\.0\.0 Ok: \d+ bytes\r\n)?(?:550 5\.6\.0|521 5\.5\.2)/);
    }
  });

  it('whose first line is a dot is one message, wherever the octets are split', async () => {
    const wire = `..\r\n${second.replace(/\.\r\n$/, '')}..\r\n.\r\nQUIT\r\n`;
    for (let at = 0; at <= 12; at++) {
      world.store.messages.length = 0;
      const talk = await opened();
      await talk.say('DATA');
      const replies = await inTwo(talk, wire, at);
      expect(replies, String(at)).toMatch(/^250 2\.0\.0 Ok: queued as \w+\r\n221 2\.0\.0 Bye\r\n$/);
      expect(world.store.messages.map(({ address }) => address)).toEqual(['user1@example.com']);
      expect(world.store.messages[0]!.text).toMatch(/\n\n\.\nMAIL FROM:<evil@b\.example>\n(?:.*\n)*x\n\.\n$/);
    }
  });

  it('ends at the same octet whether its end is split or not', async () => {
    const wire = 'Subject: x\r\n\r\nline\r\n.\r\nNOOP\r\nQUIT\r\n';
    for (let at = 14; at <= 26; at++) {
      world.store.messages.length = 0;
      const talk = await opened();
      await talk.say('DATA');
      expect(await inTwo(talk, wire, at)).toMatch(/^250 2\.0\.0 Ok: queued as \w+\r\n250 2\.0\.0 Ok\r\n221 2\.0\.0 Bye\r\n$/);
      expect(world.store.messages[0]!.text).toMatch(/Subject: x\n\nline\n$/);
    }
  });
});

describe('STARTTLS', () => {
  it('drops what came in the clear and forgets what was said', async () => {
    const pem = selfSigned('mail.example.com');
    const tls = new TlsContexts({ certificates: [{ chain: pem, key: pem }], minVersion: 'TLSv1.2' });
    const secure = await smtpWorld('msa', { tls, strictAuth: true });
    try {
      const talk = await secure.connect();
      await talk.reply();
      expect(await talk.say('EHLO c')).toMatch(/250-STARTTLS\n(?!.*AUTH)/s);
      expect(await talk.say('AUTH PLAIN AAAA')).toBe('530 5.7.0 Must issue a STARTTLS command first');
      expect(await talk.say('MAIL FROM:<user1@example.com>')).toBe('530 5.7.0 Must issue a STARTTLS command first');
      expect(await talk.say('STARTTLS now')).toBe('501 5.5.4 Syntax: STARTTLS');
      // The classic injection: a command in the packet of STARTTLS.
      expect(await talk.say('STARTTLS\r\nMAIL FROM:<evil@b.example>\r\nRSET')).toBe('220 2.0.0 Ready to start TLS');
      talk.socket.removeAllListeners('data');
      const socket = connectTls({ socket: talk.socket, rejectUnauthorized: false });
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('MAIL FROM:<user1@example.com>\r\nEHLO c\r\nSTARTTLS\r\nQUIT\r\n');
      await closed;
      expect(text).toMatch(
        /^503 5\.5\.1 Error: send HELO\/EHLO first\r\n250-mail\.example\.com\r\n(?!.*STARTTLS\r\n).*250-AUTH PLAIN LOGIN\r\n.*554 5\.5\.1 Error: TLS already active\r\n221 2\.0\.0 Bye\r\n$/s,
      );
    } finally {
      await secure.close();
    }
  });
});
