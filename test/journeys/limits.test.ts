import { createConnection, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
});

/** The first line, or '' where the server hung up. */
function greeting(port: number, localAddress: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1', localAddress });
    sockets.push(socket);
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\r\n')[0]!));
    socket.once('close', () => resolve(''));
    socket.on('error', () => resolve(''));
  });
}

const elsewhere = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find((a) => !a.internal && a.family === 'IPv4')?.address;

describe('connections from one address', () => {
  it('are not counted for loopback', async () => {
    server = await startTestServer({ settings: { 'limits.client_connection_count_limit': 3 } });
    for (let i = 0; i < 20; i++) expect(await greeting(server.port('imap'), '127.0.0.1')).toMatch(/^\* OK/);
  });

  it.skipIf(elsewhere === undefined)(
    'end at the limit for others, who are told so (skipped without an address besides loopback)',
    async () => {
      server = await startTestServer({ settings: { 'limits.client_connection_count_limit': 2 } });
      const from = elsewhere!;
      for (let i = 0; i < 2; i++) expect(await greeting(server.port('imap'), from)).toMatch(/^\* OK/);
      expect(await greeting(server.port('imap'), from)).toBe('* BYE [LIMIT] Too many connections');
      expect(await greeting(server.port('smtp'), from)).toBe('421 4.7.0 Too many connections');
      expect(await greeting(server.port('pop3'), from)).toBe('-ERR [SYS/TEMP] Too many connections');
      expect(await greeting(server.port('imaps'), from)).toBe('');
      sockets[0]!.destroy();
      for (let i = 0; i < 50; i++) {
        if ((await greeting(server.port('imap'), from)).startsWith('* OK')) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error('the place was not given back');
    },
  );
});
