import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../test/support/certificate.ts';
import { MemoryInboxes } from '../../test/support/memory-inbox.ts';
import { cpu } from '../../test/support/time.ts';
import type { Authenticator, SaslExchange } from '../auth/authenticator.ts';
import { silentLog } from '../base/log.ts';
import { sampleMetrics } from '../base/metrics.ts';
import type { Account } from '../directory/directory.ts';
import { Fault } from '../mail/fault.ts';
import type { AccountId } from '../mail/numbers.ts';
import { ConnectionLimits } from '../net/connection-limits.ts';
import { type Listener, listen } from '../net/listener.ts';
import { TlsContexts } from '../net/tls.ts';
import { type Pop3Service, pop3Service } from './service.ts';
import { defaultPop3Settings, type Pop3Settings } from './settings.ts';

const home = mkdtempSync(join(tmpdir(), 'postcote-pop3-'));
const tls = new TlsContexts({ certificates: [{ chain: selfSigned('mail.example.com') }], minVersion: 'TLSv1.2' });
const ann: Account = { id: 1 as AccountId, address: 'ann@example.com', password: '', enabled: true, home, quota: 0 };

/** Knows Ann, whose password is `a secret`. `trusting`: passwords may cross the wire in the clear. */
function authenticator(trusting = true): Authenticator {
  const may = ({ secure }: { secure: boolean }) => secure || trusting;
  const check = (name: string, password: string): Account => {
    if (name === 'ann@example.com' && password === 'a secret') return ann;
    throw new Fault('badCredentials');
  };
  return {
    mechanisms: (context) => (may(context) ? ['PLAIN', 'LOGIN'] : []),
    allowsPlaintext: may,
    start(mechanism, context): SaslExchange {
      if (!['PLAIN', 'LOGIN'].includes(mechanism)) throw new Fault('unsupported');
      if (!may(context)) throw new Fault('tlsRequired');
      const said: string[] = [];
      return {
        async step(response) {
          if (response !== null) said.push(response.toString());
          if (mechanism === 'PLAIN') {
            if (said.length === 0) return { challenge: Buffer.alloc(0) };
            const [, name = '', password = ''] = said[0]!.split('\0');
            return { account: check(name, password) };
          }
          if (said.length < 2) return { challenge: Buffer.from(said.length === 0 ? 'Username:' : 'Password:') };
          return { account: check(said[0]!, said[1]!) };
        },
      };
    },
    login: async (name, password, context) => {
      if (!may(context)) throw new Fault('tlsRequired');
      return check(name, password);
    },
  };
}

let store: MemoryInboxes;
let service: Pop3Service;
let listener: Listener;
const sockets: Socket[] = [];

async function start(settings: Partial<Pop3Settings> = {}, trusting = true): Promise<void> {
  store = new MemoryInboxes();
  service = pop3Service(
    { ...defaultPop3Settings, lockWait: 0, ...settings },
    { store, authenticator: authenticator(trusting), log: silentLog },
  );
  listener = await listen(
    { name: 'pop3', host: '127.0.0.1', port: 0, tls: 'starttls' },
    {
      tls,
      limits: new ConnectionLimits({ total: 0, perAddress: 0 }),
      onConnection: (connection) => service.handle(connection),
      log: silentLog,
    },
  );
}

/** Files share a process: what others counted on purpose is not ours. */
const bugCount = (): number =>
  (sampleMetrics().find(({ name }) => name === 'postcote_bugs_total')?.rows ?? []).reduce((sum, [, [count]]) => sum + (count ?? 0), 0);
let bugsBefore = 0;

beforeEach(() => {
  bugsBefore = bugCount();
  return start();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener.close();
  await service.close(1_000);
  expect(bugCount()).toBe(bugsBefore);
});

afterAll(() => rmSync(home, { recursive: true }));

/** A client that sends everything at once and reads until the server closes or `until` was said. */
class Client {
  readonly socket: Socket;
  text = '';
  #closed = false;

  constructor(socket: Socket = connect(listener.port, '127.0.0.1')) {
    this.socket = socket;
    sockets.push(socket);
    socket.on('data', (chunk) => (this.text += chunk.toString('utf8')));
    socket.on('error', () => {});
    socket.on('close', () => (this.#closed = true));
  }

  async until(words: string): Promise<string> {
    await expect.poll(() => this.text.includes(words) || this.#closed, { timeout: 20_000, interval: 2 }).toBe(true);
    const said = this.text;
    this.text = '';
    return said;
  }

  /** Sends a command and gets the answer's first line. */
  async ask(command: string): Promise<string> {
    this.socket.write(`${command}\r\n`);
    return (await this.until('\r\n')).trimEnd();
  }

  async end(): Promise<string> {
    await expect.poll(() => this.#closed, { timeout: 20_000, interval: 2 }).toBe(true);
    return this.text;
  }
}

async function client(): Promise<Client> {
  const made = new Client();
  await made.until('ready.\r\n');
  return made;
}

async function loggedIn(): Promise<Client> {
  const made = await client();
  made.socket.write('USER ann@example.com\r\nPASS a secret\r\n');
  expect(await made.until('Logged in.\r\n')).toBe('+OK\r\n+OK Logged in.\r\n');
  return made;
}

async function dialogue(commands: string): Promise<string> {
  const made = new Client();
  made.socket.write(commands.replaceAll('\n', '\r\n'));
  return (await made.end()).replaceAll('\r\n', '\n');
}

const login = 'USER ann@example.com\nPASS a secret\n';

describe('a session', () => {
  it('answers pipelined commands in order', async () => {
    store.put('ann@example.com', 'Subject: one\n\nfirst\n', 'Subject: two\n\n.second\n');
    expect(await dialogue(`${login}STAT\nLIST\nLIST 2\nUIDL\nUIDL 1\nRETR 2\nTOP 1 0\nDELE 1\nSTAT\nLIST\nRSET\nNOOP\nQUIT\n`)).toBe(`\
+OK postcote ready.
+OK
+OK Logged in.
+OK 2 48
+OK 2 messages:
1 23
2 25
.
+OK 2 25
+OK
1 1700000000.M1P1.host
2 1700000000.M2P1.host
.
+OK 1 1700000000.M1P1.host
+OK 25 octets
Subject: two

..second
.
+OK
Subject: one

.
+OK Marked to be deleted.
+OK 1 25
+OK 1 messages:
2 25
.
+OK
+OK
+OK Logging out.
`);
    expect(store.inbox('ann@example.com').map(({ flags }) => flags)).toEqual([0, 1]);
  });

  it('removes only at QUIT', async () => {
    store.put('ann@example.com', 'a: 1\n', 'a: 2\n', 'a: 3\n');
    const lost = await loggedIn();
    await lost.ask('DELE 1');
    lost.socket.destroy();
    await expect.poll(() => service.sessions).toBe(0);
    expect(store.inbox('ann@example.com')).toHaveLength(3);
    expect(await dialogue(`${login}DELE 1\nDELE 3\nDELE 3\nRETR 1\nLIST 1\nTOP 1 1\nUIDL 3\nQUIT\n`)).toContain(`\
+OK Marked to be deleted.
+OK Marked to be deleted.
-ERR Message is deleted.
-ERR Message is deleted.
-ERR Message is deleted.
-ERR Message is deleted.
-ERR Message is deleted.
+OK Logging out, messages deleted.
`);
    expect(store.inbox('ann@example.com').map(({ uid }) => uid)).toEqual([2]);
  });

  it('says so when removal fails', async () => {
    store.put('ann@example.com', 'a: 1\n');
    store.broken = true;
    expect(await dialogue(`${login}DELE 1\nQUIT\n`)).toContain('-ERR [SYS/TEMP] Some deleted messages could not be removed.\n');
  });

  it('numbers messages from 1 and says what is wrong', async () => {
    store.put('ann@example.com', 'a: 1\n');
    expect(
      await dialogue(`${login}LIST 0\nLIST 2\nRETR\nRETR x\nDELE -1\nTOP 1\nUIDL 99999999999\nSTAT x\nXYZ\nUSER x\nQUIT\n`),
    ).toContain(`\
-ERR There's no message 0.
-ERR There's no message 2.
-ERR Invalid arguments.
-ERR Invalid arguments.
-ERR Invalid arguments.
-ERR Invalid arguments.
-ERR Invalid arguments.
+OK 1 6
-ERR Unknown command.
-ERR Command not valid in this state.
+OK Logging out.
`);
  });

  it('lists 2,000 messages without opening one', async () => {
    store.put('ann@example.com', ...Array.from({ length: 2_000 }, (_, i) => `a: ${i}\n\ntext\n`));
    let said = '';
    const spent = await cpu(async () => {
      said = await dialogue(`${login}STAT\nLIST\nUIDL\nQUIT\n`);
    });
    expect(spent).toBeLessThan(1_000);
    expect(said.split('\n')).toHaveLength(2 * 2_000 + 10);
    expect(store.opened).toBe(0);
  });

  it('sends a large message to a slow reader', async () => {
    const line = `${'x'.repeat(70)}\n`;
    store.put('ann@example.com', `a: 1\n\n${line.repeat(200_000)}`);
    const slow = await loggedIn();
    slow.socket.pause();
    slow.socket.write('RETR 1\r\nQUIT\r\n');
    await new Promise((resolve) => setTimeout(resolve, 100));
    let got = 0;
    slow.socket.removeAllListeners('data');
    slow.socket.on('data', (chunk) => (got += chunk.length));
    slow.socket.resume();
    await slow.end();
    expect(got).toBe('+OK 14400008 octets\r\n'.length + 14_400_008 + '.\r\n+OK Logging out.\r\n'.length);
  });

  it('sends in order, backwards and by leaps, small messages and long ones', async () => {
    const messages = Array.from({ length: 120 }, (_, i) => `a: ${i + 1}\n\n.${'x'.repeat(i % 40 === 5 ? 70_000 : i)}\n`);
    store.put('ann@example.com', ...messages);
    const order = [...messages.keys()].flatMap((i) => [i, messages.length - 1 - i, (i * 37) % messages.length]);
    const said = await dialogue(`${login}${[...messages.keys(), ...order].map((i) => `RETR ${i + 1}\n`).join('')}QUIT\n`);
    const sent = (i: number) => `+OK ${messages[i]!.length + 3} octets\n${messages[i]!.replace('\n.', '\n..')}.\n`;
    expect(said).toContain([...messages.keys(), ...order].map(sent).join(''));
    // Only the long ones, each four times.
    expect(store.opened).toBe(12);
  });

  it('lets others have their turn while a client pipelines', async () => {
    // Much work, little to send: nothing but the stretch ends it.
    store.put('ann@example.com', `a: 1\n\n${'x\n'.repeat(30_000)}`);
    const one = await loggedIn();
    let worst = 0;
    let last = performance.now();
    const start = last;
    const timer = setInterval(() => {
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }, 1);
    one.socket.write(`${'TOP 1 0\r\n'.repeat(1_000)}QUIT\r\n`);
    await one.until('Logging out');
    clearInterval(timer);
    expect(worst).toBeLessThan((performance.now() - start) / 3);
  });

  it('goes on when another client has removed the message', async () => {
    store.put('ann@example.com', 'a: 1\n', 'a: 2\n');
    const one = await loggedIn();
    store.inbox('ann@example.com').shift();
    expect(await one.ask('RETR 1')).toMatch(/^-ERR Message is gone/);
    expect(await one.ask('STAT')).toBe('+OK 2 12');
    one.socket.write('UIDL\r\n');
    expect(await one.until('\r\n.\r\n')).toMatch(/^\+OK\r\n1 1700000000\.M1P1\.host\r\n2 1700000000\.M2P1\.host\r\n\.\r\n$/);
  });
});

describe('login', () => {
  it('gives the maildrop to one session', async () => {
    const first = await loggedIn();
    const second = await client();
    await second.ask('USER ann@example.com');
    expect(await second.ask('PASS a secret')).toBe('-ERR [IN-USE] Maildrop is locked by another session.');
    expect(await first.ask('QUIT')).toBe('+OK Logging out.');
    await second.ask('USER ann@example.com');
    expect(await second.ask('PASS a secret')).toBe('+OK Logged in.');
  });

  it('waits a moment for a session that is about to end', async () => {
    await service.close(0);
    await listener.close();
    await start({ lockWait: 2_000 });
    const first = await loggedIn();
    const second = await client();
    await second.ask('USER ann@example.com');
    const answer = second.ask('PASS a secret');
    setTimeout(() => first.socket.destroy(), 100);
    expect(await answer).toBe('+OK Logged in.');
  });

  it('takes AUTH PLAIN with and without initial response, AUTH LOGIN, and lists mechanisms', async () => {
    const plain = Buffer.from('\0ann@example.com\0a secret').toString('base64');
    expect(await dialogue(`AUTH PLAIN ${plain}\nQUIT\n`)).toContain('+OK Logged in.\n');
    expect(await dialogue(`AUTH\nAUTH PLAIN\n${plain}\nQUIT\n`)).toBe(
      '+OK postcote ready.\n+OK\nPLAIN\nLOGIN\n.\n+ \n+OK Logged in.\n+OK Logging out.\n',
    );
    const words = ['ann@example.com', 'a secret'].map((word) => Buffer.from(word).toString('base64'));
    expect(await dialogue(`auth login\n${words.join('\n')}\nQUIT\n`)).toContain('+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\n+OK Logged in.\n');
  });

  it('refuses what is no login', async () => {
    const wrong = Buffer.from('\0ann@example.com\0wrong').toString('base64');
    expect(
      await dialogue(
        `PASS x\nUSER\nUSER ann@example.com\nPASS wrong\nPASS a secret\nAUTH PLAIN ${wrong}\nAUTH PLAIN ===\nAUTH PLAIN\n*\nAUTH SCRAM-X\nSTAT\nQUIT\n`,
      ),
    ).toBe(`\
+OK postcote ready.
-ERR No username given.
-ERR No username given.
+OK
-ERR [AUTH] Authentication failed.
-ERR No username given.
-ERR [AUTH] Authentication failed.
-ERR Invalid base64 data.
+ \n-ERR Authentication aborted.
-ERR Not supported.
-ERR Command not valid in this state.
+OK Logging out.
`);
  });

  it('ends after too many failures', async () => {
    const said = await dialogue('USER ann@example.com\nPASS wrong\n'.repeat(12));
    expect(said.match(/\[AUTH\]/g)).toHaveLength(10);
  });
});

describe('STLS', () => {
  beforeEach(async () => {
    await service.close(0);
    await listener.close();
    await start({}, false);
  });

  it('comes before passwords', async () => {
    const said = await dialogue('CAPA\nUSER ann@example.com\nAUTH PLAIN\nQUIT\n');
    expect(said).toContain('\nSTLS\n');
    expect(said).not.toContain('\nUSER\n');
    expect(said).not.toContain('SASL');
    expect(said).toContain('\n-ERR [AUTH] Cleartext authentication disallowed on non-secure (SSL/TLS) connections.\n');
  });

  it('drops what was sent along in the clear, and the name given before', async () => {
    const plain = await client();
    plain.socket.write('STLS\r\nCAPA\r\n');
    expect(await plain.until('\r\n')).toBe('+OK Begin TLS negotiation now.\r\n');
    plain.socket.removeAllListeners('data');
    const secure = new Client(tlsConnect({ socket: plain.socket, rejectUnauthorized: false }));
    expect(await secure.ask('PASS a secret')).toBe('-ERR No username given.');
    expect(await secure.ask('STLS')).toBe('-ERR TLS is already active.');
    secure.socket.write('CAPA\r\n');
    const capa = await secure.until('\r\n.\r\n');
    expect(capa).toContain('\r\nUSER\r\nSASL PLAIN LOGIN\r\n');
    expect(capa).not.toContain('STLS');
    await secure.ask('USER ann@example.com');
    expect(await secure.ask('PASS a secret')).toBe('+OK Logged in.');
    expect(await secure.ask('QUIT')).toBe('+OK Logging out.');
  });
});

describe('bounds', () => {
  it('sends a silent client away', async () => {
    await service.close(0);
    await listener.close();
    await start({ loginTimeout: 50, idleTimeout: 150 });
    expect(await dialogue('')).toBe('+OK postcote ready.\n-ERR Disconnected for inactivity.\n');
    expect(await dialogue(login)).toBe('+OK postcote ready.\n+OK\n+OK Logged in.\n-ERR Disconnected for inactivity.\n');
  });

  it('refuses long lines, NUL, and too many errors', async () => {
    const one = await client();
    expect(await one.ask('x'.repeat(9_000))).toBe('-ERR Line too long.');
    expect(await one.ask('USER a\0b')).toBe('-ERR Invalid arguments.');
    one.socket.write('NONSENSE\r\n'.repeat(10_000));
    const said = await one.end();
    expect(said.split('\r\n').filter((line) => line.startsWith('-ERR Unknown'))).toHaveLength(18);
    expect(said).toContain('-ERR Too many invalid commands.\r\n');
  });

  it('sends idle sessions away at shutdown', async () => {
    const one = await loggedIn();
    await service.close(1_000);
    expect(await one.end()).toBe('-ERR Server shutting down.\r\n');
  });
});

describe('language', () => {
  it('speaks what LANG asks for', async () => {
    expect(await dialogue(`LANG\nLANG ja-JP\nUSER x\nPASS y\nLANG xx\nLANG *\nUTF8\n${login}UTF8\nQUIT\n`)).toBe(`\
+OK postcote ready.
+OK Language listing follows:
en English
ja 日本語
ru Русский
.
+OK ja 言語を変更しました。
+OK
-ERR [AUTH] 認証に失敗しました。
-ERR その言語は使えません。
+OK en Language changed.
+OK UTF8 enabled.
+OK
+OK Logged in.
-ERR Command not valid in this state.
+OK Logging out.
`);
  });
});
