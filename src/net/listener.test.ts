import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../test/support/certificate.ts';
import { silentLog } from '../base/log.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { type Listener, type ListenerDeps, type ListenerSettings, listen } from './listener.ts';
import { networks } from './networks.ts';
import { TlsContexts, type TlsSettings } from './tls.ts';

const settings = (...names: string[][]): TlsSettings => ({
  certificates: names.map((each) => ({ chain: selfSigned(...each) })) as unknown as TlsSettings['certificates'],
  minVersion: 'TLSv1.2',
});
const certificates = settings(['mail.example.com'], ['*.example.net', 'example.net'], ['imap.example.net']);
const open: Listener[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

async function server(over: Partial<ListenerSettings> = {}, deps: Partial<ListenerDeps> = {}): Promise<Listener> {
  const listener = await listen(
    { name: 'test', host: '127.0.0.1', port: 0, tls: 'none', ...over },
    {
      tls: new TlsContexts(certificates),
      limits: new ConnectionLimits({ total: 0, perAddress: 0 }),
      log: silentLog,
      async onConnection(connection) {
        const { remoteAddress, remotePort, localAddress, localPort, secure } = connection;
        connection.write(`${JSON.stringify({ remoteAddress, remotePort, localAddress, localPort, secure, tls: connection.tls })}\n`);
        while ((await connection.readLine(100, 5_000, { bareLf: true }).catch(() => null)) !== null) connection.write('again\n');
        connection.end();
      },
      ...deps,
    },
  );
  open.push(listener);
  return listener;
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text.trim());
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

const plain = (listener: Listener, first = '') => {
  const socket = connect(listener.port, '127.0.0.1');
  if (first !== '') socket.write(first);
  return { socket, line: firstLine(socket) };
};

const secured = (listener: Listener, options: ConnectionOptions = {}) => {
  const socket = tlsConnect({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  return { socket, line: firstLine(socket) };
};

const commonName = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;

describe('listen', () => {
  it('says who and where', async () => {
    const listener = await server();
    const { socket, line } = plain(listener);
    expect(JSON.parse(await line)).toMatchObject({
      remoteAddress: '127.0.0.1',
      remotePort: socket.localPort,
      localPort: listener.port,
      secure: false,
      tls: null,
    });
    socket.destroy();
  });

  it('listens on all addresses of both families', async () => {
    const listener = await server({ host: '*' });
    const { socket, line } = plain(listener);
    expect(JSON.parse(await line)).toMatchObject({ remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' });
    socket.destroy();
  });

  it('says that a port is taken', async () => {
    const listener = await server();
    await expect(server({ port: listener.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('keeps sessions when it closes', async () => {
    const listener = await server();
    const { socket, line } = plain(listener);
    await line;
    await listener.close();
    socket.write('x\n');
    expect(await new Promise((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())))).toBe('again\n');
    socket.destroy();
    await expect(new Promise((_, reject) => connect(listener.port, '127.0.0.1').on('error', reject))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('survives a client that speaks no TLS', async () => {
    const listener = await server({ tls: 'implicit' });
    const { line } = plain(listener, 'EHLO x\r\n');
    expect(await line).not.toContain('remoteAddress');
    const { socket, line: second } = secured(listener);
    expect(JSON.parse(await second)).toMatchObject({ secure: true });
    socket.destroy();
  });
});

describe('connection limits', () => {
  it('refuses one too many, in words, and takes the next when there is room', async () => {
    const limits = new ConnectionLimits({ total: 0, perAddress: 2 });
    const listener = await server({}, { limits, refusal: (limit) => `421 ${limit}\r\n` });
    const held = [plain(listener), plain(listener)];
    await Promise.all(held.map(({ line }) => line));
    expect(await plain(listener).line).toBe('421 perAddress');
    expect(limits.total).toBe(2);
    held[0]!.socket.destroy();
    await expect.poll(() => limits.total).toBe(1);
    const next = plain(listener);
    expect(await next.line).toContain('remoteAddress');
    next.socket.destroy();
    held[1]!.socket.destroy();
    await expect.poll(() => limits.total).toBe(0);
  });

  it('counts all together', () => {
    const limits = new ConnectionLimits({ total: 2, perAddress: 0 });
    expect([limits.enter('a'), limits.enter('b'), limits.enter('c')]).toEqual([null, null, 'total']);
    limits.leave('a');
    limits.leave('a');
    expect([limits.enter('c'), limits.enter('c')]).toEqual([null, 'total']);
  });
});

describe('PROXY protocol', () => {
  const proxyFrom = networks(['127.0.0.0/8']);
  it('believes a trusted proxy', async () => {
    const listener = await server({}, { proxyFrom });
    const { socket, line } = plain(listener, 'PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n');
    expect(JSON.parse(await line)).toMatchObject({
      remoteAddress: '192.0.2.1',
      remotePort: 12345,
      localAddress: '198.51.100.2',
      localPort: 25,
    });
    socket.destroy();
  });

  it('comes before implicit TLS', async () => {
    const listener = await server({ tls: 'implicit' }, { proxyFrom });
    const raw = connect(listener.port, '127.0.0.1');
    raw.write('PROXY TCP6 2001:db8::1 ::1 1 993\r\n');
    const { socket, line } = secured(listener, { socket: raw });
    expect(JSON.parse(await line)).toMatchObject({ remoteAddress: '2001:db8::1', secure: true });
    socket.destroy();
  });

  it('does not take it from others', async () => {
    const listener = await server({}, { proxyFrom: networks(['10.0.0.0/8']) });
    const { socket, line } = plain(listener, 'PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n');
    expect(JSON.parse((await line).split('\n')[0]!)).toMatchObject({ remoteAddress: '127.0.0.1' });
    socket.destroy();
  });

  it('closes on a proxy that says something else or nothing', async () => {
    const listener = await server({}, { proxyFrom, proxyTimeout: 50 });
    expect(await plain(listener, 'EHLO x\r\n').line).toBe('');
    expect(await plain(listener).line).toBe('');
  });

  it('counts against the limits of whom the proxy speaks for', async () => {
    const limits = new ConnectionLimits({ total: 0, perAddress: 1 });
    const listener = await server({}, { proxyFrom, limits, refusal: () => 'no\r\n' });
    const from = (address: string) => plain(listener, `PROXY TCP4 ${address} 198.51.100.2 1 25\r\n`);
    const held = [from('192.0.2.1'), from('192.0.2.2')];
    await Promise.all(held.map(({ line }) => line));
    expect(await from('192.0.2.1').line).toBe('no');
    for (const { socket } of held) socket.destroy();
  });
});

describe('TLS', () => {
  it.each([
    ['mail.example.com', 'mail.example.com'],
    ['a.example.net', '*.example.net'],
    ['A.Example.NET', '*.example.net'],
    ['example.net', '*.example.net'],
    ['imap.example.net', 'imap.example.net'],
    ['a.b.example.net', 'mail.example.com'],
    ['other.example', 'mail.example.com'],
  ])('a client that asks for %s gets %s', async (servername, name) => {
    const listener = await server({ tls: 'implicit' });
    const { socket, line } = secured(listener, { servername });
    await line;
    expect(commonName(socket)).toBe(name);
    socket.destroy();
  });

  it('takes new certificates and keeps old sessions', async () => {
    const tls = new TlsContexts(certificates);
    const listener = await server({ tls: 'implicit' }, { tls });
    const old = secured(listener);
    await old.line;
    tls.replace(settings(['new.example.com']));
    const { socket, line } = secured(listener);
    await line;
    expect(commonName(socket)).toBe('new.example.com');
    socket.destroy();
    old.socket.write('x\n');
    expect(await new Promise((resolve) => old.socket.once('data', (chunk) => resolve(chunk.toString())))).toBe('again\n');
    old.socket.destroy();
    expect(() => tls.replace({ ...certificates, certificates: [{ chain: 'nonsense', source: '/etc/mail.pem' }] })).toThrow('/etc/mail.pem');
    expect(() => tls.replace({ ...certificates, certificates: [{ chain: selfSigned('a'), key: selfSigned('a') }] })).toThrow(/key/);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes a %s session that another worker began', async (version) => {
    const ticketKeys = randomBytes(48);
    const pair = settings(['mail.example.com']);
    const first = await server({ tls: 'implicit' }, { tls: new TlsContexts(pair, ticketKeys) });
    const later = new TlsContexts(pair);
    later.ticketKeys = ticketKeys;
    const second = await server({ tls: 'implicit' }, { tls: later });
    const alone = await server({ tls: 'implicit' }, { tls: new TlsContexts(pair) });

    const begun = secured(first, { maxVersion: version });
    const session = new Promise<Buffer>((resolve) => begun.socket.on('session', resolve));
    await begun.line;
    const options = { maxVersion: version, session: await session };
    begun.socket.destroy();
    for (const [listener, resumed] of [
      [second, true],
      [alone, false],
    ] as const) {
      const { socket, line } = secured(listener, options);
      expect(JSON.parse(await line)).toMatchObject({ tls: { protocol: version, resumed } });
      expect(socket.isSessionReused()).toBe(resumed);
      socket.destroy();
    }
  });

  it('refuses what is older than the setting says', async () => {
    const listener = await server({ tls: 'implicit' }, { tls: new TlsContexts({ ...certificates, minVersion: 'TLSv1.3' }) });
    const { line } = secured(listener, { maxVersion: 'TLSv1.2' });
    expect(await line).toBe('');
  });
});
