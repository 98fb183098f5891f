import { existsSync, symlinkSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDirectory } from '../../src/directory/open.ts';
import { startDns, type TestDns } from '../support/dns-server.ts';
import { has, run } from '../support/program.ts';
import {
  addAccounts,
  root,
  type ServerProcess,
  settingsIn,
  spawnServer,
  startTestServer,
  type TestServer,
  temporaryFolder,
} from '../support/server.ts';

/** As in the textbook: mail.example1.jp and mail.example2.jp, each with user1, user2 and so on, find each other by DNS. */
let dns: TestDns;
let mxPort: number;
const hosts = new Map<number, TestServer>();

async function freePort(address: string): Promise<number> {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, address, resolve));
  const { port } = probe.address() as { port: number };
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

async function start(n: 1 | 2, extra: Record<string, unknown> = {}): Promise<TestServer> {
  const host = await startTestServer({
    settings: {
      hostname: `mail.example${n}.jp`,
      'listen.smtp': [`127.0.0.${n + 1}:${mxPort}`],
      // Loopback is the world here, not a network of ours.
      'smtp.mynetworks': [],
      'relay.port': mxPort,
      'relay.minimal_backoff_time': '1s',
      'dns.servers': [`127.0.0.1:${dns.port}`],
      ...extra,
    },
    accounts: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`user${i + 1}@example${n}.jp`, 'secret'])),
  });
  hosts.set(n, host);
  return host;
}

async function setUp(): Promise<void> {
  dns = await startDns();
  for (const n of [1, 2]) {
    dns.zone[`example${n}.jp MX`] = [{ preference: 10, exchange: `mail.example${n}.jp` }];
    dns.zone[`mail.example${n}.jp A`] = [`127.0.0.${n + 1}`];
  }
  mxPort = await freePort('127.0.0.3');
}
async function tearDown(): Promise<void> {
  for (const host of hosts.values()) await host.close();
  hosts.clear();
  await dns.close();
}

async function send(host: Pick<TestServer, 'port'>, user: string, to: string, text: string): Promise<string> {
  const transport = createTransport({
    host: '127.0.0.1',
    port: host.port('submission'),
    requireTLS: true,
    tls: { rejectUnauthorized: false },
    auth: { user, pass: 'secret' },
  });
  const { response } = await transport.sendMail({ from: user, to, subject: 'こんにちは', text });
  transport.close();
  return response;
}

interface Seen {
  subject: string;
  from: string;
  source: string;
}

/** Waits for the newest message in an INBOX. */
async function newest(host: Pick<TestServer, 'port'>, user: string, count = 1, timeout = 10_000): Promise<Seen> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: host.port('imaps'),
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user, pass: 'secret' },
    logger: false,
  });
  await client.connect();
  try {
    for (const until = Date.now() + timeout; Date.now() < until; ) {
      const { messages } = (await client.status('INBOX', { messages: true })) as { messages: number };
      if (messages >= count) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const lock = await client.getMailboxLock('INBOX');
    try {
      const message = await client.fetchOne('*', { envelope: true, source: true });
      if (message === false || message === undefined) throw new Error(`nothing came for ${user}`);
      return {
        subject: message.envelope?.subject ?? '',
        from: message.envelope?.from?.[0]?.address ?? '',
        source: message.source?.toString() ?? '',
      };
    } finally {
      lock.release();
    }
  } finally {
    await client.logout();
  }
}

describe('two hosts', () => {
  beforeAll(async () => {
    await setUp();
    await start(1);
    await start(2);
  });
  afterAll(tearDown);
  /** Each test has users of its own. */
  const both = () => [hosts.get(1)!, hosts.get(2)!] as const;

  it('exchange mail both ways', async () => {
    const [one, two] = both();
    expect(await send(one, 'user1@example1.jp', 'user1@example2.jp', 'first\n.\n..dots')).toMatch(/^250 2\.0\.0 Ok: queued as/);
    const seen = await newest(two, 'user1@example2.jp');
    expect(seen).toMatchObject({ subject: 'こんにちは', from: 'user1@example1.jp' });
    expect(seen.source).toContain('first\r\n.\r\n..dots');
    expect(seen.source).toMatch(/^Return-Path: <user1@example1\.jp>\r\n/);
    expect(seen.source).toMatch(/Received: from mail\.example1\.jp [^;]*by mail\.example2\.jp/);
    await send(two, 'user1@example2.jp', 'user2@example1.jp', 'answer');
    expect((await newest(one, 'user2@example1.jp')).from).toBe('user1@example2.jp');
  });

  it('tell the sender that there is no such user', async () => {
    const [one] = both();
    await send(one, 'user3@example1.jp', 'nobody@example2.jp', 'lost');
    const bounce = await newest(one, 'user3@example1.jp');
    expect(bounce.subject).toBe('Undelivered Mail Returned to Sender');
    expect(bounce.source).toMatch(/^Return-Path: <>\r\n/);
    expect(bounce.source).toMatch(/Final-Recipient: rfc822; ?nobody@example2\.jp/);
    expect(bounce.source).toMatch(/Status: 5\.1\.1/);
    expect(bounce.source).toContain('lost');
  });

  it('tell the sender that there is no such domain', async () => {
    const [one] = both();
    await send(one, 'user4@example1.jp', 'x@nowhere.jp', 'lost');
    expect((await newest(one, 'user4@example1.jp')).source).toMatch(/Status: 5\.1\.2/);
  });

  it('forward by alias so that bounces find back', async () => {
    const [one, two] = both();
    const directory = openDirectory({
      file: join(two.settings.data_dir as string, 'directory.sqlite'),
      home: two.settings['mail.home'] as string,
      quota: 0,
      recipientDelimiter: '+',
    });
    directory.manage.addAlias('away@example2.jp', ['user5@example1.jp']);
    directory.manage.addAlias('gone@example2.jp', ['nobody@example1.jp']);
    directory.close();
    await send(one, 'user6@example1.jp', 'away@example2.jp', 'forwarded');
    const seen = await newest(one, 'user5@example1.jp');
    expect(seen.source).toMatch(/^Return-Path: <SRS0=\w+=\w\w=example1\.jp=user6@example2\.jp>\r\n/);
    expect(seen.from).toBe('user6@example1.jp');
    await send(one, 'user6@example1.jp', 'gone@example2.jp', 'forwarded to nobody');
    const bounce = await newest(one, 'user6@example1.jp');
    expect(bounce.subject).toBe('Undelivered Mail Returned to Sender');
    expect(bounce.source).toContain('forwarded to nobody');
  });

  it('report success to who asks for it', async () => {
    const [one] = both();
    const transport = createTransport({
      host: '127.0.0.1',
      port: one.port('submission'),
      requireTLS: true,
      tls: { rejectUnauthorized: false },
      auth: { user: 'user7@example1.jp', pass: 'secret' },
    });
    const dsn = { id: 'mine', return: 'headers' as const, notify: ['success' as const], recipient: 'user7@example1.jp' };
    const mail = { from: 'user7@example1.jp', subject: 'x', text: 'secret text', dsn };
    await transport.sendMail({ ...mail, to: 'user2@example1.jp' });
    const here = await newest(one, 'user7@example1.jp');
    expect(here.source).toMatch(
      /Original-Envelope-Id: mine[\s\S]*Final-Recipient: rfc822; ?user2@example1\.jp\r\n[\s\S]*Action: delivered/,
    );
    expect(here.source).not.toContain('secret text');
    await transport.sendMail({ ...mail, to: 'user2@example2.jp' });
    const there = await newest(one, 'user7@example1.jp', 2);
    expect(there.source).toMatch(/Reporting-MTA: dns; ?mail\.example2\.jp[\s\S]*Action: delivered/);
    transport.close();
  });

  it.skipIf(!has('s-nail'))('exchange mail by the mail command (skipped where s-nail is not installed)', async () => {
    const hosts = both();
    const mail = (n: 1 | 2, from: string, to: string, subject: string) => {
      const { dir, settings } = hosts[n - 1]!;
      const link = join(dir, 'sendmail');
      if (!existsSync(link)) symlinkSync(join(root, 'dist/cli.js'), link);
      const env = {
        HOME: dir,
        MAILRC: '/dev/null',
        LANG: 'C.UTF-8',
        POSTCOTE_DATA_DIR: settings.data_dir as string,
        POSTCOTE_HOSTNAME: settings.hostname as string,
      };
      return run('s-nail', ['-:/', '-Sv15-compat', `-Smta=${link}`, '-r', from, '-s', subject, to], { input: 'こんにちは\n', env });
    };
    const sent = { code: 0, output: '' };
    expect(await mail(1, 'user8@example1.jp', 'user8@example2.jp', '件名')).toMatchObject(sent);
    const there = await newest(hosts[1], 'user8@example2.jp');
    expect(there).toMatchObject({ subject: '件名', from: 'user8@example1.jp' });
    expect(there.source).toMatch(/^Return-Path: <user8@example1\.jp>\r\n/);
    expect(await mail(2, 'user8@example2.jp', 'user8@example1.jp', 'Re: 件名')).toMatchObject(sent);
    expect((await newest(hosts[0], 'user8@example1.jp')).subject).toBe('Re: 件名');
    expect(await mail(1, 'user8@example1.jp', 'nobody@example2.jp', 'lost')).toMatchObject(sent);
    const bounce = await newest(hosts[0], 'user8@example1.jp', 2);
    expect(bounce.subject).toBe('Undelivered Mail Returned to Sender');
    expect(bounce.source).toMatch(/Final-Recipient: rfc822; ?nobody@example2\.jp/);
  });

  it('keep a message in several languages whole, and encrypt it on the way', async () => {
    const [one, two] = both();
    const text = 'Здравствуйте, こんにちは '.repeat(100);
    await send(one, 'user9@example1.jp', 'user9@example2.jp', text);
    const { source } = await newest(two, 'user9@example2.jp');
    expect(source).toMatch(/with ESMTPS/);
  });
});

describe('two hosts that are set up, or changed, for it', () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it('take mail for each other as backup MX', async () => {
    dns.zone['example1.jp MX'] = [
      { preference: 10, exchange: 'mail.example1.jp' },
      { preference: 20, exchange: 'mail.example2.jp' },
    ];
    const [one, two] = [await start(1), await start(2, { 'relay.domains': ['example1.jp'], 'relay.recipients': ['user1@example1.jp'] })];
    const transport = createTransport({ host: '127.0.0.3', port: two.port('smtp'), tls: { rejectUnauthorized: false } });
    const mail = { from: 'stranger@elsewhere.example', subject: 'by the backup', text: 'x' };
    await transport.sendMail({ ...mail, to: 'user1@example1.jp' });
    expect(await newest(one, 'user1@example1.jp')).toMatchObject({ subject: 'by the backup' });
    await expect(transport.sendMail({ ...mail, to: 'user2@example1.jp' })).rejects.toThrow(/550 5\.1\.1/);
    await expect(transport.sendMail({ ...mail, to: 'x@example3.jp' })).rejects.toThrow(/Relay access denied/);
    transport.close();
  });

  it('ask each other as backup MX whether an address exists', async () => {
    dns.zone['example1.jp MX'] = [
      { preference: 10, exchange: 'mail.example1.jp' },
      { preference: 20, exchange: 'mail.example2.jp' },
    ];
    const backup = { 'relay.domains': ['example1.jp'], 'relay.verify_recipients': true, 'relay.verify_undecided': 'defer' };
    const [one, two] = [await start(1), await start(2, backup)];
    const transport = createTransport({ host: '127.0.0.3', port: two.port('smtp'), tls: { rejectUnauthorized: false } });
    const mail = { from: 'stranger@elsewhere.example', subject: 'by the backup', text: 'x' };
    await expect(transport.sendMail({ ...mail, to: 'nobody@example1.jp' })).rejects.toThrow(/550 5\.1\.1/);
    await transport.sendMail({ ...mail, to: 'user1@example1.jp' });
    expect(await newest(one, 'user1@example1.jp')).toMatchObject({ subject: 'by the backup' });
    await one.close();
    hosts.delete(1);
    await expect(transport.sendMail({ ...mail, to: 'user2@example1.jp' })).rejects.toThrow(/451 4\.3\.0/);
    // What is remembered is taken all the same, and waits.
    await transport.sendMail({ ...mail, to: 'user1@example1.jp' });
    two.server.reload({ ...two.settings, ...backup, 'relay.verify_undecided': 'accept' });
    await transport.sendMail({ ...mail, to: 'user2@example1.jp' });
    transport.close();
  });

  it('go by a new configuration without a restart', async () => {
    const [one, two] = [await start(1, { 'relay.relayhost': '[127.0.0.1]:9' }), await start(2)];
    await send(one, 'user1@example1.jp', 'user1@example2.jp', 'first');
    for (const until = Date.now() + 5000; Date.now() < until && !one.log.some((line) => line.msg === 'deferred'); ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    one.server.reload({ ...one.settings, 'relay.relayhost': '', 'relay.minimal_backoff_time': '1s' });
    await send(one, 'user1@example1.jp', 'user2@example2.jp', 'second');
    expect((await newest(two, 'user2@example2.jp')).source).toContain('second');

    const transport = createTransport({ host: '127.0.0.3', port: two.port('smtp'), tls: { rejectUnauthorized: false } });
    const mail = { from: 'stranger@elsewhere.example', to: 'user1@example1.jp', subject: 'by the backup', text: 'x' };
    await expect(transport.sendMail(mail)).rejects.toThrow(/Relay access denied/);
    two.server.reload({ ...two.settings, 'relay.domains': ['example1.jp'] });
    await transport.sendMail(mail);
    expect(await newest(one, 'user1@example1.jp')).toMatchObject({ subject: 'by the backup' });
    transport.close();
  });

  it('wait for each other', async () => {
    const one = await start(1);
    await send(one, 'user1@example1.jp', 'user2@example2.jp', 'patience');
    for (const until = Date.now() + 5000; Date.now() < until && !one.log.some((line) => line.msg === 'deferred'); ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(one.log.find((line) => line.msg === 'deferred')).toMatchObject({ reply: expect.stringContaining('Connection refused') });
    const two = await start(2);
    const { openQueueAdmin } = await import('../../src/queue/admin.ts');
    const admin = openQueueAdmin(join(one.settings.data_dir as string, 'queue'))!;
    admin.engine.commit(() => admin.engine.flush(null));
    admin.close();
    expect((await newest(two, 'user2@example2.jp')).source).toContain('patience');
  });

  it('are two processes, too; one that is killed has its mail when it is back', { timeout: 60_000 }, async () => {
    const folders = [temporaryFolder(), temporaryFolder()];
    const spawned = folders.map(({ path }, i) => {
      const n = i + 1;
      const settings: Record<string, unknown> = {
        ...settingsIn(path),
        hostname: `mail.example${n}.jp`,
        workers: 1,
        'listen.smtp': `127.0.0.${n + 1}:${mxPort}`,
        'smtp.mynetworks': '',
        'relay.port': mxPort,
        'relay.minimal_backoff_time': '1s',
        'relay.maximal_backoff_time': '1s',
        'dns.servers': `127.0.0.1:${dns.port}`,
      };
      addAccounts(settings, { [`user1@example${n}.jp`]: 'secret' });
      const env = Object.fromEntries(
        Object.entries(settings).map(([key, value]) => [`POSTCOTE_${key.replaceAll('.', '__').toUpperCase()}`, String(value)]),
      );
      return () => spawnServer({ cwd: path, env });
    });
    const [one, two] = spawned.map((launch) => launch()) as [ServerProcess, ServerProcess];
    const [, second] = spawned;
    let back: ServerProcess | null = null;
    try {
      await Promise.all([one.line('ready'), two.line('ready')]);
      await send(one, 'user1@example1.jp', 'user1@example2.jp', 'first');
      expect((await newest(two, 'user1@example2.jp')).source).toContain('first');
      await send(two, 'user1@example2.jp', 'user1@example1.jp', 'answer');
      expect((await newest(one, 'user1@example1.jp')).source).toContain('answer');
      two.kill('SIGKILL');
      await two.exited;
      await send(one, 'user1@example1.jp', 'user1@example2.jp', 'patience');
      await one.line('deferred');
      back = second!();
      await back.line('ready');
      expect((await newest(back, 'user1@example2.jp', 2, 20_000)).source).toContain('patience');
    } finally {
      for (const host of [one, back ?? two]) host.kill('SIGTERM');
      await Promise.all([one.exited, (back ?? two).exited]);
      for (const folder of folders) folder.remove();
    }
  });
});
