import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport, type Transporter } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postfixInstalled, startPostfix } from '../../bench/servers/postfix.ts';
import type { BenchServer } from '../../bench/servers/server.ts';
import { selfSigned } from '../support/certificate.ts';
import { setQuota, startTestServer, type TestServer } from '../support/server.ts';

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
      `transport_maps = inline:{ { example.com = smtp:${hop} } }
smtp_tls_security_level = encrypt
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
`,
    );
    postfix = createTransport({ host: '127.0.0.1', port: peer.ports.smtp!, ignoreTLS: true });
    server.server.reload({ ...server.settings, 'relay.transport': { 'bench.test': `[127.0.0.1]:${peer.ports.smtp}` } });
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

  it('in UTF-8 down to the addresses', { timeout: 60_000 }, async () => {
    await postfix.sendMail({ envelope: { from: 'отправитель@bench.test', to: users[3]! }, raw: 'Subject: привет\r\n\r\nx\r\n' });
    const texts = (await arrived(inbox(users[3]!), 2)).map((one) => Buffer.from(one, 'latin1').toString());
    const text = texts.find((one) => one.includes('привет'));
    expect(text).toMatch(/^Return-Path: <отправитель@bench\.test>\n[\s\S]*with UTF8SMTPS[\s\S]*Subject: привет/);
  });

  it('with NOTIFY, RET, ENVID and ORCPT, which we answer', { timeout: 60_000 }, async () => {
    const dsn = { id: 'mine+1', return: 'headers' as const, notify: ['success' as const], recipient: 'First@example.com' };
    await postfix.sendMail({
      envelope: { from: 'u0@bench.test', to: users[4]!, dsn } as never,
      dsn,
      raw: 'Subject: dsn\r\n\r\nsecret\r\n',
    });
    const reports = (): Promise<string[]> => arrived(join(peer.maildir('u0@bench.test'), 'new'));
    await expect.poll(async () => (await reports()).some((one) => one.includes('Action: delivered')), { timeout: 40_000 }).toBe(true);
    const report = (await reports()).find((one) => one.includes('Action: delivered'));
    expect(report).toMatch(/Original-Envelope-Id: mine\+1\n/);
    expect(report).toMatch(/Original-Recipient: rfc822; ?First@example\.com\nFinal-Recipient: rfc822; ?user4@example\.com\n/);
    expect(report).not.toContain('secret');
  });

  interface Queued {
    recipients: { address: string; delay_reason?: string }[];
  }
  const postfixQueue = (): Queued[] =>
    execFileSync('postqueue', ['-c', join(root, 'etc'), '-j'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Queued);
  /**
   * What is left once Postfix was told to try all of it. Its queue manager moves a deferred message that it finds locked by a delivery that
   * is just ending to `incoming`, and looks there again only when something asks for it.
   */
  const leftAfterFlush = (): Queued[] => {
    execFileSync('postqueue', ['-c', join(root, 'etc'), '-f']);
    return postfixQueue();
  };

  it('which keeps what we put off, recipient by recipient, until we take it', { timeout: 60_000 }, async () => {
    let willing = false;
    const policy = createNetServer((socket) => {
      socket.on('data', (question: Buffer) => {
        const putOff = !willing && /^recipient=user5@/m.test(question.toString());
        socket.write(`action=${putOff ? 'DEFER_IF_PERMIT 4.2.0 Greylisted' : 'DUNNO'}\n\n`);
      });
    });
    await new Promise<void>((resolve) => policy.listen(0, '127.0.0.1', resolve));
    const { port } = policy.address() as AddressInfo;
    const before = server.settings;
    const restrictions = ['reject_unauth_destination', `check_policy_service inet:127.0.0.1:${port}`];
    server.server.reload({ ...before, 'smtp.recipient_restrictions': restrictions });
    try {
      setQuota(server.settings, users[6]!, 1000);
      const text = `Subject: later\r\n\r\n${'x\r\n'.repeat(1000)}`;
      await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: [users[5]!, users[7]!] }, raw: text });
      await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: users[6]! }, raw: text });
      const waiting = (): Record<string, string> =>
        Object.fromEntries(
          postfixQueue().flatMap(({ recipients }) => recipients.map(({ address, delay_reason }) => [address, delay_reason ?? ''])),
        );
      await expect
        .poll(waiting, { timeout: 40_000, interval: 250 })
        .toEqual({ [users[5]!]: expect.stringMatching(/450 4\.2\.0 .*: Greylisted/), [users[6]!]: expect.stringContaining('452 4.2.2') });
      expect(await arrived(inbox(users[7]!), 2)).toHaveLength(2);
      willing = true;
      setQuota(server.settings, users[6]!, null);
      await expect.poll(leftAfterFlush, { timeout: 40_000, interval: 1000 }).toEqual([]);
      for (const user of users.slice(5, 8)) {
        const copies = (await arrived(inbox(user), 2)).filter((one) => one.includes('Subject: later'));
        expect(copies).toHaveLength(1);
      }
    } finally {
      server.server.reload(before);
      policy.close();
    }
  });

  it('which returns what is too big for us', { timeout: 60_000 }, async () => {
    const before = server.settings;
    server.server.reload({ ...before, 'mail.message_size_limit': 100_000 });
    try {
      const raw = `Subject: too big\r\n\r\n${'0123456789\r\n'.repeat(10_000)}`;
      await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: users[8]! }, raw });
      const bounces = (): Promise<string[]> => arrived(join(peer.maildir('u0@bench.test'), 'new'));
      await expect.poll(async () => (await bounces()).some((one) => /Status: 5\.3\.4/.test(one)), { timeout: 40_000 }).toBe(true);
      expect(postfixQueue()).toEqual([]);
    } finally {
      server.server.reload(before);
    }
  });

  it('and tells its sender that a user is unknown', { timeout: 60_000 }, async () => {
    await postfix.sendMail({ envelope: { from: 'u0@bench.test', to: 'nobody@example.com' }, raw: 'Subject: lost\r\n\r\nx\r\n' });
    const bounces = (): Promise<string[]> => arrived(join(peer.maildir('u0@bench.test'), 'new'));
    await expect.poll(async () => (await bounces()).some((one) => /Status: 5\.1\.1/.test(one)), { timeout: 40_000 }).toBe(true);
  });
});
