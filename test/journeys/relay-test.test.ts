import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

function relayTest(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli.js'), 'relay-test', `127.0.0.1:${server.port('smtp')}`, ...args]);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('relay-test', () => {
  it('finds that strangers cannot relay', async ({ skip }) => {
    const { code, out, err } = await relayTest('--domain', 'example.com');
    if (err.includes('asked from loopback')) skip('this machine has no address besides loopback');
    expect(out.trimEnd().split('\n').at(-1)).toBe('no relays accepted.');
    expect(out.match(/Relay access denied|User unknown|550|501|553/g)!.length).toBeGreaterThanOrEqual(22);
    expect(code).toBe(0);
  });

  it('lists what mynetworks may send', async () => {
    const { code, out, err } = await relayTest('--source', '127.0.0.1', '--json');
    const answer = JSON.parse(out) as { relays: number; probes: { family: string; accepted: boolean }[] };
    expect(answer.probes.find(({ family }) => family === 'stranger to stranger')!.accepted).toBe(true);
    expect(code).toBe(1);
    expect(err).toBe('');
  });
});
