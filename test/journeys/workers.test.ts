import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addAccounts, type ServerProcess, settingsIn, spawnServer, temporaryFolder } from '../support/server.ts';
import { crowd } from '../support/time.ts';

// Two workers, each client with whichever the kernel gave it.

let server: ServerProcess;
const folder = temporaryFolder();
const idlers: { socket: Socket; text: string; waits: Set<() => void> }[] = [];

beforeAll(async () => {
  const settings = settingsIn(folder.path);
  const env = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`POSTCOTE_${name.toUpperCase().replaceAll('.', '__')}`, String(value)]),
  );
  server = spawnServer({ cwd: folder.path, env: { ...env, POSTCOTE_WORKERS: '2' } });
  await server.line('ready');
  addAccounts(settings, { 'ann@example.com': 'secret' });
});
afterAll(async () => {
  for (const { socket } of idlers) socket.destroy();
  server.kill('SIGTERM');
  await server.exited;
  folder.remove();
});

/** Sends lines one after the other, each when the answer to the one before has come. */
async function dialogue(port: number, lines: readonly (readonly [send: string, until: RegExp])[]) {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  const client = { socket, text: '', waits: new Set<() => void>() };
  socket.on('data', (chunk: Buffer) => {
    client.text += chunk.toString('latin1');
    for (const wake of client.waits) wake();
  });
  for (const [send, until] of lines) {
    client.text = '';
    if (send !== '') socket.write(`${send}\r\n`);
    await heard(client, until);
  }
  return client;
}

function heard(client: (typeof idlers)[number], pattern: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${String(pattern)} in ${JSON.stringify(client.text)}`)), 30_000);
    const look = (): void => {
      if (!pattern.test(client.text)) return;
      clearTimeout(timer);
      client.waits.delete(look);
      resolve(performance.now());
    };
    client.waits.add(look);
    look();
  });
}

describe('several workers', () => {
  it('new mail reaches IDLE in every worker in under 100 ms, whoever wrote it', async () => {
    for (let i = 0; i < 8; i++) {
      idlers.push(
        await dialogue(server.port('imap'), [
          ['', /\* OK/],
          ['a LOGIN ann@example.com secret', /a OK/],
          ['b SELECT INBOX', /b OK/],
          ['c IDLE', /\+/],
        ]),
      );
    }
    const slowest: number[] = [];
    for (let count = 1; count <= 4; count++) {
      const all = idlers.map((client) => {
        client.text = '';
        return heard(client, new RegExp(`\\* ${count} EXISTS`));
      });
      const sender = await dialogue(server.port('smtp'), [
        ['', /220/],
        ['EHLO x', /250 /],
        ['MAIL FROM:<b@elsewhere.example>', /250/],
        ['RCPT TO:<ann@example.com>', /250/],
        ['DATA', /354/],
        ['Subject: x\r\n\r\ny\r\n.', /250 2\.0\.0/],
      ]);
      const said = performance.now();
      slowest.push(Math.max(...(await Promise.all(all))) - said);
      sender.socket.destroy();
    }
    // Another round may meet whatever else the machine does.
    expect(Math.min(...slowest)).toBeLessThan(100 * crowd());

    const all = idlers.map((client) => {
      client.text = '';
      return heard(client, /\* 5 EXISTS/);
    });
    writeFileSync(join(folder.path, 'mail/example.com/ann/Maildir/new/1234567890.M1P1.elsewhere'), 'Subject: dropped in\n\nz\n');
    const said = performance.now();
    expect(Math.max(...(await Promise.all(all))) - said).toBeLessThan(2000 * crowd());
  });

  it('a TLS session begun in one worker is resumed in the other', async () => {
    const port = server.port('imaps');
    const connect = (session?: Buffer): Promise<{ reused: boolean; ticket: Buffer | null }> =>
      new Promise((resolve, reject) => {
        let ticket: Buffer | null = null;
        const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(session === undefined ? {} : { session }) });
        socket.on('error', reject);
        socket.on('session', (given) => {
          ticket = given;
        });
        // The greeting comes after the tickets.
        socket.once('data', () => {
          resolve({ reused: socket.isSessionReused(), ticket });
          socket.destroy();
        });
      });
    const { ticket } = await connect();
    for (let i = 0; i < 12; i++) expect((await connect(ticket!)).reused).toBe(true);
  });

  it('failed logins count in every worker', async () => {
    const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${server.port('http')}/metrics`)).text();
    expect(await metrics()).toMatch(/postcote_logins_total\{service="imap",result="succeeded"\} 8\n/);
    for (let i = 0; i < 3; i++) {
      const client = await dialogue(server.port('imap'), [
        ['', /\* OK/],
        [`a LOGIN ann@example.com wrong${i}`, /a NO/],
      ]);
      client.socket.destroy();
    }
    expect(await metrics()).toMatch(/postcote_logins_total\{service="imap",result="badCredentials"\} 3\n/);
    expect(await metrics()).not.toContain('postcote_bugs_total{');
  });
});
