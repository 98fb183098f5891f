import { spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

const missing = spawnSync('nmap', ['--version']).status !== 0;

describe.skipIf(missing)('nmap', () => {
  let server: TestServer;
  beforeAll(async () => {
    // It asks from loopback, which is to be a stranger here.
    server = await startTestServer({ settings: { 'smtp.mynetworks': [] } });
  });
  afterAll(() => server?.close());

  it('finds no open relay', { timeout: 60_000 }, async () => {
    const port = String(server.port('smtp'));
    // `+`: though the port is not 25.
    const child = spawn('nmap', ['-n', '-Pn', '-sT', '-p', port, '--script', '+smtp-open-relay', '127.0.0.1']);
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    expect(out).toMatch(/smtp-open-relay: Server doesn't seem to be an open relay, all tests failed/);
    expect(server.log.filter(({ msg }) => msg === 'queued')).toEqual([]);
  });
});
