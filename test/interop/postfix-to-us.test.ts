import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport, type Transporter } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postfixInstalled, startPostfix } from '../../bench/servers/postfix.ts';
import type { BenchServer } from '../../bench/servers/server.ts';
import { selfSigned } from '../support/certificate.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const can = postfixInstalled() && process.getuid?.() === 0;
const users = Array.from({ length: 100 }, (_, n) => `user${n}@example.com`);

/** Debian's Postfix hands mail to us, over TLS. Needs root and the package; skipped elsewhere. */
describe.skipIf(!can)('Postfix to us', () => {
  let root: string;
  let server: TestServer;
  let peer: BenchServer;
  let postfix: Transporter;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'postcote-postfix-'));
    const pem = join(root, 'pair.pem');
    writeFileSync(pem, selfSigned('mail.bench.test'));
    server = await startTestServer({
      settings: { 'smtp.mynetworks': [], 'mail.message_size_limit': 50_000_000 },
      accounts: Object.fromEntries(users.map((user) => [user, 'secret'])),
    });
    const hop = `[127.0.0.1]:${server.port('smtp')}`;
    peer = await startPostfix(
      root,
      1,
      null,
      { cert: pem, key: pem },
      `transport_maps = inline:{ { example.com = smtp:${hop} } }\nsmtp_tls_security_level = encrypt\n`,
    );
    postfix = createTransport({ host: '127.0.0.1', port: peer.ports.smtp!, ignoreTLS: true });
  }, 120_000);
  afterAll(async () => {
    postfix?.close();
    await peer?.stop();
    await server?.close();
    if (root !== undefined) rmSync(root, { recursive: true, force: true });
  });

  async function arrived(dir: string, count = 1): Promise<string[]> {
    const files = (): string[] => {
      try {
        return readdirSync(dir).sort();
      } catch {
        return [];
      }
    };
    await expect.poll(() => files().length, { timeout: 40_000 }).toBeGreaterThanOrEqual(count);
    return files().map((name) => readFileSync(join(dir, name), 'latin1'));
  }
  const inbox = (user: string): string =>
    join((server.settings['mail.home'] as string).replace('%d', 'example.com').replace('%n', user.split('@')[0]!), 'Maildir/new');

  it('a message whole, dots and all', { timeout: 60_000 }, async () => {
    await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: users[0]! }, raw: 'Subject: one\r\n\r\n.\r\n..\r\nend\r\n' });
    const [text] = await arrived(inbox(users[0]!));
    expect(text).toContain('\n\n.\n..\nend\n');
    expect(text).toMatch(/with ESMTPS/);
    expect(text).toMatch(/^Return-Path: <u0@bench\.test>/);
  });

  it('to a hundred recipients', { timeout: 60_000 }, async () => {
    await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: users.slice(1) }, raw: 'Subject: many\r\n\r\nx\r\n' });
    for (const user of [users[1]!, users[50]!, users[99]!]) expect(await arrived(inbox(user))).toHaveLength(1);
  });

  it('with 25 MB, in UTF-8', { timeout: 90_000 }, async () => {
    const body = `${'0123456789'.repeat(7)}\r\n`.repeat(347_000);
    await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: users[2]! }, raw: `Subject: привет\r\n\r\n${body}` });
    const text = (await arrived(inbox(users[2]!), 2)).find((one) => one.length > 1e6);
    expect(text?.slice(text.indexOf('\n\n') + 2)).toBe(body.replaceAll('\r\n', '\n'));
  });

  it('and tells its sender that a user is unknown', { timeout: 60_000 }, async () => {
    await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: 'nobody@example.com' }, raw: 'Subject: lost\r\n\r\nx\r\n' });
    const [bounce] = await arrived(join(peer.maildir('u0@bench.test'), 'new'));
    expect(bounce).toMatch(/Status: 5\.1\.1/);
  });
});
