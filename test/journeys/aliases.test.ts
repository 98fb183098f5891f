import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTestServer, type TestServer, temporaryFolder } from '../support/server.ts';

const folder = temporaryFolder();
const file = join(folder.path, 'aliases');
let server: TestServer;
beforeEach(async () => {
  // Commands are not run by root.
  const uid = vi.spyOn(process, 'getuid').mockReturnValue(1000);
  server = await startTestServer({ settings: { 'local.aliases': file, 'local.allow_commands': true } });
  uid.mockRestore();
});
afterEach(() => server.close());
afterAll(() => folder.remove());

async function send(to: string, text: string): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port: server.port('smtp'), tls: { rejectUnauthorized: false } });
  await transport.sendMail({ from: 'bob@example.com', to, subject: 'x', text });
  transport.close();
}

async function inbox(user: string, count = 1): Promise<string[]> {
  const dir = join(server.dir, 'mail/example.com', user, 'Maildir/new');
  const list = (): string[] => (existsSync(dir) ? readdirSync(dir) : []);
  await expect.poll(() => list().length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  return list().map((name) => readFileSync(join(dir, name), 'utf8'));
}

describe('names of the host', () => {
  it('lead to mailboxes, commands and files', async () => {
    const [out, mbox] = [join(folder.path, 'out'), join(folder.path, 'mbox')];
    writeFileSync(file, `root: ann@example.com\ntickets: "|cat > ${out}", ${mbox}, root\n`);
    await send('tickets@mail.example.com', 'please');
    expect((await inbox('ann'))[0]).toMatch(/^Return-Path: <bob@example\.com>\nX-Original-To: tickets@mail\.example\.com\n/);
    for (const made of [out, mbox]) {
      await expect.poll(() => existsSync(made) && readFileSync(made, 'utf8'), { timeout: 10_000 }).toContain('please');
      expect(readFileSync(made, 'utf8')).toMatch(/^From bob@example\.com .*\nReturn-Path: <bob@example\.com>\n/);
    }
    await expect(send('nobody@mail.example.com', 'x')).rejects.toThrow(/550 5\.1\.1/);
    await expect(send('"|touch /tmp/x"@mail.example.com', 'x')).rejects.toThrow(/550 5\.1\.1/);
  });

  it('tell the sender what a command says, not which it is', async () => {
    writeFileSync(file, 'tickets: "|echo closed; exit 77 # hidden"\n');
    await send('tickets@mail.example.com', 'please');
    const [bounce] = await inbox('bob');
    expect(bounce).toMatch(/Final-Recipient: rfc822; ?tickets@mail\.example\.com\n[\s\S]*Status: 5\.7\.0\n/);
    expect(bounce).toContain('closed');
    expect(bounce).not.toContain('hidden');
  });

  it('are nobody without the file, once it is gone from the settings not even ours', async () => {
    writeFileSync(file, 'root: ann@example.com\n');
    await send('root@mail.example.com', 'x');
    await inbox('ann');
    server.server.reload({ ...server.settings, 'local.aliases': '' });
    await expect(send('root@mail.example.com', 'x')).rejects.toThrow(/550 5\.1\.1/);
  });
});
