import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journey } from '../support/program.ts';

/** What a server says, until a line matches; gives what the parentheses took. */
function listener(socket: TLSSocket): (pattern: RegExp) => Promise<string> {
  let text = '';
  let wake = (): void => {};
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => wake());
  return async (pattern) => {
    for (;;) {
      const found = pattern.exec(text);
      if (found !== null) {
        text = text.slice(found.index + found[0].length);
        return found[1] ?? found[0];
      }
      if (socket.destroyed) throw new Error(`ended after ${text}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The client's last message. RFC 5802 5.1 */
function proof(password: string, bare: string, serverFirst: string, binding: Buffer): string {
  const [, nonce, salt, count] = /^r=(.*),s=(.*),i=(\d+)$/.exec(serverFirst)!;
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(count), 32, 'sha256');
  const key = hmac(salted, 'Client Key');
  const last = `c=${base64(Buffer.concat([Buffer.from('p=tls-exporter,,'), binding]))},r=${nonce}`;
  const signature = hmac(createHash('sha256').update(key).digest(), `${bare},${serverFirst},${last}`);
  return `${last},p=${base64(Buffer.from(key.map((octet, i) => octet ^ signature[i]!)))}`;
}

describe('SCRAM-SHA-256-PLUS', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  beforeAll(async () => {
    server = await journey({ 'auth.mechanisms': ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'] });
  });
  afterAll(() => server.close());

  const dialogues = {
    imaps: {
      announced: /AUTH=SCRAM-SHA-256-PLUS/,
      hello: '',
      auth: 'a AUTHENTICATE',
      asks: /\+ ?(\S*)\r\n/,
      good: /^a OK/m,
      bad: /^a NO/m,
    },
    submissions: {
      announced: /AUTH .*SCRAM-SHA-256-PLUS.*\r\n/,
      hello: 'EHLO x',
      auth: 'AUTH',
      asks: /334 ?(\S*)\r\n/,
      good: /^235/m,
      bad: /^535/m,
    },
    pop3s: { announced: /SCRAM-SHA-256-PLUS/, hello: 'CAPA', auth: 'AUTH', asks: /\+ ?(\S*)\r\n/, good: /^\+OK/m, bad: /^-ERR/m },
  } as const;

  async function login(name: keyof typeof dialogues, bind: (octets: Buffer) => Buffer, version: 'TLSv1.2' | 'TLSv1.3'): Promise<string> {
    const { announced, hello, auth, asks, good, bad } = dialogues[name];
    const socket = connect({ port: server.port(name), host: '127.0.0.1', rejectUnauthorized: false, maxVersion: version });
    const heard = listener(socket);
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    try {
      if (hello !== '') {
        await heard(/^(?:220|\+OK) .*\r\n/m);
        say(hello);
      }
      if (version === 'TLSv1.2') return await heard(/SCRAM-SHA-256[^-][\s\S]*\r\n/);
      await heard(announced);
      say(`${auth} SCRAM-SHA-256-PLUS`);
      await heard(asks);
      const bare = 'n=ann@example.com,r=abcdefghij';
      say(base64(`p=tls-exporter,,${bare}`));
      const serverFirst = Buffer.from(await heard(asks), 'base64').toString();
      const binding = bind(socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)));
      say(base64(proof('secret', bare, serverFirst, binding)));
      const answer = await heard(new RegExp(`${asks.source}|${bad.source}`, 'm'));
      if (bad.test(answer)) return 'refused';
      expect(Buffer.from(answer, 'base64').toString()).toMatch(/^v=/);
      say('');
      await heard(good);
      return 'in';
    } finally {
      socket.destroy();
    }
  }

  it.each(Object.keys(dialogues) as (keyof typeof dialogues)[])('%s: only the two ends of this connection', async (name) => {
    expect(await login(name, (octets) => octets, 'TLSv1.3')).toBe('in');
    expect(await login(name, () => Buffer.alloc(32), 'TLSv1.3')).toBe('refused');
    // RFC 9266 4.2
    expect(await login(name, (octets) => octets, 'TLSv1.2')).not.toContain('-PLUS');
  });
});
