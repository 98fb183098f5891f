import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliver, has, journey, run } from '../support/program.ts';

let server: Awaited<ReturnType<typeof journey>>;
let dir: string;
beforeAll(async () => {
  server = await journey();
  dir = mkdtempSync(join(tmpdir(), 'postcote-fetchers-'));
  chmodSync(dir, 0o755);
  await deliver(server, 'first');
  await deliver(server, 'second', '.dot\ntext\n');
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await server.close();
});
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};
const good = { code: 0, stderr: '' };

describe.skipIf(!has('fetchmail'))('fetchmail (skipped where it is not installed)', () => {
  it.each([
    ['POP3', 'pop3', ''],
    ['POP3', 'pop3s', 'ssl'],
    ['IMAP', 'imap', ''],
    ['IMAP', 'imaps', 'ssl'],
  ] as const)('%s on %s', async (protocol, listener, tls) => {
    const got = join(dir, `fetchmail-${listener}`);
    const rc = file(
      'fetchmailrc',
      `poll 127.0.0.1 protocol ${protocol} port ${server.port(listener)} user "ann@example.com" password "secret" fetchall keep ${tls} no sslcertck mda "cat >> ${got}"\n`,
    );
    const env = { HOME: dir, FETCHMAILHOME: dir };
    const { code, output } = await run('fetchmail', ['-f', rc, '--nosyslog', '-i', join(dir, 'fetchids')], { env });
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    const text = readFileSync(got, 'utf8');
    expect(text.match(/^Subject: (first|second)$/gm)).toHaveLength(2);
    expect(text).toMatch(/^\.dot$/m);
  });
});

describe.skipIf(!has('mpop'))('mpop (skipped where it is not installed)', () => {
  it.each([
    ['pop3', 'on'],
    ['pop3s', 'off'],
  ] as const)('%s, twice: the second time nothing is new', async (listener, starttls) => {
    const maildir = join(dir, `mpop-${listener}`);
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(maildir, part), { recursive: true });
    const rc = file(
      'mpoprc',
      `account a\nhost 127.0.0.1\nport ${server.port(listener)}\nuser ann@example.com\npassword secret\ntls on\ntls_starttls ${starttls}\ntls_certcheck off\nkeep on\nuidls_file ${join(dir, `uidls-${listener}`)}\ndelivery maildir ${maildir}\n`,
    );
    for (let n = 0; n < 2; n++) {
      const { code, stderr } = await run('mpop', ['-C', rc, '-Q', 'a'], { env: { HOME: dir } });
      expect({ code, stderr }).toEqual(good);
      expect(readdirSync(join(maildir, 'new'))).toHaveLength(2);
    }
  });
});

describe.skipIf(!has('msmtp'))('msmtp (skipped where it is not installed)', () => {
  it.each([
    ['submission', 'on'],
    ['submissions', 'off'],
  ] as const)('%s', async (listener, starttls) => {
    const rc = file(
      'msmtprc',
      `account a\nhost 127.0.0.1\nport ${server.port(listener)}\nfrom bob@example.com\nauth on\nuser bob@example.com\npassword secret\ntls on\ntls_starttls ${starttls}\ntls_certcheck off\n`,
    );
    const { code, stderr } = await run('msmtp', ['-C', rc, '-a', 'a', 'bob@example.com'], {
      input: `Subject: by ${listener}\n\ntext\n`,
      env: { HOME: dir },
    });
    expect({ code, stderr }).toEqual(good);
    const inbox = join(server.dir, 'mail/example.com/bob/Maildir/new');
    expect(readdirSync(inbox).some((name) => readFileSync(join(inbox, name), 'utf8').includes(`Subject: by ${listener}`))).toBe(true);
  });
});

describe.skipIf(!has('offlineimap'))('offlineimap (skipped where it is not installed)', () => {
  it('copies down; takes new mail and flags back', async () => {
    const fingerprint = execFileSync('openssl', [
      'x509',
      '-noout',
      '-fingerprint',
      '-sha1',
      '-in',
      join(server.dir, 'data/self-signed.pem'),
    ])
      .toString()
      .trim()
      .split('=')[1]!
      .replaceAll(':', '')
      .toLowerCase();
    const local = join(dir, 'offline');
    const rc = file(
      'offlineimaprc',
      `[general]\naccounts = A\nmetadata = ${join(dir, 'offline-meta')}\n[Account A]\nlocalrepository = L\nremoterepository = R\n[Repository L]\ntype = Maildir\nlocalfolders = ${local}\n[Repository R]\ntype = IMAP\nremotehost = 127.0.0.1\nremoteport = ${server.port('imaps')}\nremoteuser = ann@example.com\nremotepass = secret\nssl = yes\ncert_fingerprint = ${fingerprint}\n`,
    );
    const sync = async () => {
      const { code, output } = await run('offlineimap', ['-c', rc, '-o', '-u', 'quiet'], { env: { HOME: dir } });
      expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    };
    await sync();
    const inbox = join(local, 'INBOX');
    expect([...readdirSync(join(inbox, 'new')), ...readdirSync(join(inbox, 'cur'))]).toHaveLength(2);
    writeFileSync(join(inbox, 'new/1.2.here'), 'From: ann@example.com\nSubject: written offline\n\ntext\n');
    await sync();
    const ours = join(server.dir, 'mail/example.com/ann/Maildir');
    const texts = ['new', 'cur'].flatMap((part) =>
      readdirSync(join(ours, part)).map((name) => readFileSync(join(ours, part, name), 'utf8')),
    );
    expect(texts.filter((text) => text.includes('Subject: written offline'))).toHaveLength(1);
  });
});
