import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../test/support/certificate.ts';
import { silentLog } from '../base/log.ts';
import { Connection } from './connection.ts';
import { TlsContexts } from './tls.ts';

const tls = new TlsContexts({ certificates: [{ chain: selfSigned('mail.example.com') }], minVersion: 'TLSv1.2' });
const open: (Server | Socket)[] = [];

afterEach(() => {
  for (const one of open.splice(0)) {
    if ('destroy' in one) one.destroy();
    else one.close();
  }
});

/** Both ends of one connection. */
async function pair(
  options: Partial<ConstructorParameters<typeof Connection>[1]> = {},
): Promise<{ server: Connection; client: Socket; raw: Socket }> {
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  open.push(listener);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  const client = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  client.on('error', () => {});
  const raw = await accepted;
  open.push(client, raw);
  return { server: new Connection(raw, { tls, log: silentLog, ...options }), client, raw };
}

const text = async (server: Connection, max = 100, options = {}) =>
  (await server.readLine(max, 2_000, options))?.toString('latin1') ?? null;

async function received(client: Socket, octets: number): Promise<string> {
  let all = '';
  for await (const chunk of client) {
    all += (chunk as Buffer).toString('latin1');
    if (all.length >= octets) break;
  }
  return all;
}

describe('readLine', () => {
  const sent = 'one\r\n\r\nthree\r\nfour \n and more\r\nfive\r\r\n';
  it('gives the same lines however they are cut', async () => {
    for (let cut = 1; cut < sent.length; cut++) {
      const { server, client } = await pair();
      client.write(sent.slice(0, cut));
      const lines: (string | null)[] = [];
      const reading = (async () => {
        while (lines.length < 5) lines.push(await text(server));
      })();
      await new Promise((resolve) => setImmediate(resolve));
      client.write(sent.slice(cut));
      await reading;
      expect(lines).toEqual(['one', '', 'three', 'four \n and more', 'five\r']);
      client.destroy();
    }
  });

  it('reads octet by octet', async () => {
    const { server, client } = await pair();
    void (async () => {
      for (const octet of 'a\r\nbc\r\n') {
        client.write(octet);
        await wait(1);
      }
    })();
    expect([await text(server), await text(server)]).toEqual(['a', 'bc']);
  });

  it('ends lines at a bare LF where asked', async () => {
    const { server, client } = await pair();
    client.write('a\nb\r\nc\n');
    const lenient = { bareLf: true };
    expect([await text(server, 9, lenient), await text(server, 9, lenient), await text(server, 9, lenient)]).toEqual(['a', 'b', 'c']);
  });

  it('takes a line of just the limit, drops a longer one and goes on', async () => {
    const { server, client } = await pair();
    client.write(`${'x'.repeat(100)}\r\n${'y'.repeat(101)}\r\nnext\r\n${'z'.repeat(200_000)}\r\nlast\r\n`);
    expect(await text(server)).toHaveLength(100);
    await expect(text(server)).rejects.toMatchObject({ kind: 'tooBig' });
    expect(await text(server)).toBe('next');
    await expect(text(server)).rejects.toMatchObject({ kind: 'tooBig' });
    expect(await text(server)).toBe('last');
  });

  it('cuts off who never ends a line', async () => {
    const { server, client } = await pair();
    const flood = setInterval(() => client.write(Buffer.alloc(65_536, 'x')), 1);
    await expect(text(server)).rejects.toMatchObject({ kind: 'tooBig' });
    clearInterval(flood);
    expect(server.destroyed).toBe(true);
  });

  it('gives up in time, also on a client that trickles', async () => {
    const { server, client } = await pair();
    const trickle = setInterval(() => client.write('x'), 10);
    await expect(server.readLine(1000, 100)).rejects.toMatchObject({ kind: 'timedOut' });
    clearInterval(trickle);
    client.write('\r\n');
    expect(await text(server)).toMatch(/^x+$/);
  });

  it('answers a client that has closed its side', async () => {
    const { server, client } = await pair();
    client.end('QUIT\r\nunfinished');
    expect(await text(server)).toBe('QUIT');
    expect(await text(server)).toBeNull();
    server.write('bye\r\n');
    server.end();
    expect(await received(client, 5)).toBe('bye\r\n');
    await server.closed;
  });

  it('ends for a client that is lost', async () => {
    const { server, client } = await pair();
    const line = text(server);
    client.resetAndDestroy();
    expect(await line).toBeNull();
    await server.closed;
    server.write('nobody hears\r\n');
    await expect(server.drain()).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('ends when this side ends', async () => {
    const { server, client } = await pair();
    client.resume();
    const line = text(server);
    server.end();
    expect(await line).toBeNull();
  });
});

describe('read', () => {
  it('hands out exactly what was asked for', async () => {
    const { server, client } = await pair();
    client.write(`${'a'.repeat(100_000)}tail\r\n`);
    let got = 0;
    expect(
      await server.read(
        100_000,
        async (chunk) => {
          got += chunk.length;
          await wait(1);
        },
        2_000,
      ),
    ).toBe(true);
    expect(got).toBe(100_000);
    expect(await text(server)).toBe('tail');
  });

  it('says when input ended before', async () => {
    const { server, client } = await pair();
    client.end('abc');
    expect(await server.read(4, () => undefined, 2_000)).toBe(false);
  });

  it('takes back the end of a chunk', async () => {
    const { server, client } = await pair();
    client.write('body.\r\nnext\r\nmore\r\n');
    const chunk = (await server.readChunk(2_000))!;
    server.unread(chunk.subarray(7));
    expect(await text(server)).toBe('next');
    server.unread(Buffer.from('put\r\n'));
    expect([await text(server), await text(server)]).toEqual(['put', 'more']);
  });

  it('stops reading from a client that nobody listens to', async () => {
    const { server, client } = await pair();
    let sent = 0;
    const flood = () => {
      while (sent < 64 << 20 && client.write(Buffer.alloc(65_536, 'x'))) sent += 65_536;
    };
    client.on('drain', flood);
    flood();
    await wait(200);
    expect(server.buffered).toBeLessThan(512 * 1024);
    expect(server.bytesRead).toBeLessThan(1 << 20);
  });
});

describe('write', () => {
  it('collects what is written in one tick', async () => {
    const { server, client, raw } = await pair();
    let writes = 0;
    const write = raw.write.bind(raw);
    raw.write = ((...args: Parameters<typeof write>) => {
      writes++;
      return write(...args);
    }) as typeof raw.write;
    server.write('a é ');
    server.write(Buffer.from('b '));
    server.write('\u00e9', 'latin1');
    server.write('\r\n');
    expect(Buffer.from(await received(client, 9), 'latin1').toString('hex')).toBe(
      Buffer.from('a é b \u00ff\r\n').toString('hex').replace('c3bf', 'e9'),
    );
    expect(writes).toBe(1);
  });

  it('waits for a slow reader and holds its next command back', async () => {
    const { server, client } = await pair();
    client.pause();
    let written = 0;
    const writing = (async () => {
      for (; written < 40; written++) {
        server.write(Buffer.alloc(1 << 20, 'x'));
        await server.drain();
      }
    })();
    await wait(200);
    expect(written).toBeLessThan(30);
    client.write('next\r\n');
    const line = text(server);
    let got = 0;
    client.on('data', (chunk) => (got += chunk.length));
    client.resume();
    await writing;
    expect(await line).toBe('next');
    await expect.poll(() => got).toBe(40 << 20);
  });
});

describe('TLS', () => {
  it('drops and counts what came in the clear before the handshake', async () => {
    const { server, client } = await pair();
    client.write('STARTTLS\r\nEVIL\r\n');
    expect(await text(server)).toBe('STARTTLS');
    await wait(20);
    const upgrade = server.startTls('go\r\n');
    expect(await heard(client, 4)).toBe('go\r\n');
    const secure = tlsConnect({ socket: client, servername: 'mail.example.com', rejectUnauthorized: false });
    open.push(secure);
    secure.write('GOOD\r\n');
    await upgrade;
    expect(server.earlyPlaintext).toBe(6);
    expect(server.secure).toBe(true);
    expect(server.tls).toMatchObject({ protocol: 'TLSv1.3', servername: 'mail.example.com', resumed: false });
    expect(await text(server)).toBe('GOOD');
    server.write('hello\r\n');
    server.end();
    expect(await received(secure, 7)).toBe('hello\r\n');
  });

  it('is gone when the handshake is no handshake', async () => {
    const { server, client } = await pair();
    client.write('STARTTLS\r\n');
    await text(server);
    const upgrade = server.startTls('go\r\n');
    await heard(client, 4);
    client.write('EVIL\r\nEVIL\r\n');
    await expect(upgrade).rejects.toMatchObject({ kind: 'unavailable' });
    expect(server.destroyed).toBe(true);
    expect(server.buffered).toBe(0);
    await server.closed;
  });

  it('does not wait for ever', async () => {
    const { server } = await pair({ handshakeTimeout: 50 });
    await expect(server.implicitTls()).rejects.toMatchObject({ detail: 'TLS handshake: timed out' });
  });

  it('is gone when the client leaves during the handshake', async () => {
    const { server, client } = await pair();
    const upgrade = server.implicitTls();
    client.destroy();
    await expect(upgrade).rejects.toMatchObject({ kind: 'unavailable' });
    await server.closed;
  });

  it('says goodbye so that the client reads it', async () => {
    const { server, client } = await pair();
    const upgrade = server.implicitTls();
    const secure = tlsConnect({ socket: client, rejectUnauthorized: false });
    secure.write('x'.repeat(100_000));
    await upgrade;
    server.write('bye\r\n');
    server.end();
    expect(await received(secure, 5)).toBe('bye\r\n');
    await server.closed;
  });
});

describe('compress', () => {
  it('deflates both ways', async () => {
    const { server, client } = await pair();
    client.write('COMPRESS\r\n');
    await text(server);
    server.compress('ok\r\n');
    expect(await heard(client, 4)).toBe('ok\r\n');
    const deflate = createDeflateRaw();
    const inflate = createInflateRaw();
    inflate.on('error', () => {});
    deflate.pipe(client);
    client.pipe(inflate);
    deflate.write(`${'word '.repeat(1000)}\r\n`);
    deflate.flush(constants.Z_SYNC_FLUSH);
    expect(await text(server, 9000)).toHaveLength(5000);
    server.write('answer\r\n');
    const answer = await new Promise<string>((resolve) => inflate.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    expect(answer).toBe('answer\r\n');
    server.write('x'.repeat(500_000));
    let got = 0;
    inflate.on('data', (chunk: Buffer) => (got += chunk.length));
    await server.drain();
    server.write('bye\r\n');
    server.end();
    await expect.poll(() => got).toBe(500_005);
  });

  it('holds a bomb back', async () => {
    const { server, client } = await pair();
    server.compress('ok\r\n');
    await heard(client, 4);
    const deflate = createDeflateRaw();
    deflate.pipe(client);
    for (let i = 0; i < 100; i++) deflate.write(Buffer.alloc(1 << 20));
    deflate.flush(constants.Z_SYNC_FLUSH);
    await wait(300);
    expect(server.buffered).toBeLessThan(512 * 1024);
  });

  it('ends on garbage', async () => {
    const { server, client } = await pair();
    server.compress('ok\r\n');
    client.resume();
    client.write('\xff\xff\xff\xff plain text');
    expect(await text(server)).toBeNull();
    await server.closed;
  });
});

/** As `received`, and leaves the socket open. */
function heard(client: Socket, octets: number): Promise<string> {
  return new Promise((resolve) => {
    let all = '';
    const onData = (chunk: Buffer): void => {
      all += chunk.toString('latin1');
      if (all.length < octets) return;
      client.off('data', onData);
      client.pause();
      resolve(all);
    };
    client.on('data', onData);
    client.resume();
  });
}
