import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has, journey, run } from '../support/program.ts';

describe.skipIf(!has('openssl'))('openssl s_client (skipped where it is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  beforeAll(async () => {
    server = await journey();
  });
  afterAll(() => server.close());

  const goodbyes = { smtp: 'QUIT\r\n', imap: 'a LOGOUT\r\n', pop3: 'QUIT\r\n' };
  const greetings = { smtp: /^220 mail\.example\.com ESMTP/m, imap: /^\* OK \[CAPABILITY .*AUTH=PLAIN/m, pop3: /^\+OK .*ready\.\r?$/m };

  it.each([
    ['submissions', 'smtp'],
    ['imaps', 'imap'],
    ['pop3s', 'pop3'],
  ] as const)('%s speaks TLS from the first octet', async (name, protocol) => {
    const { output } = await run(
      'openssl',
      ['s_client', '-connect', server.at(name), '-crlf', '-ign_eof', '-servername', 'mail.example.com'],
      {
        input: goodbyes[protocol].replace('\r', ''),
      },
    );
    expect(output).toMatch(/TLSv1\.3/);
    expect(output).toContain('BEGIN CERTIFICATE');
    expect(output).toMatch(greetings[protocol]);
  });

  it.each([
    ['smtp', 'smtp'],
    ['submission', 'smtp'],
    ['imap', 'imap'],
    ['pop3', 'pop3'],
  ] as const)('%s goes under TLS', async (name, protocol) => {
    const { output } = await run('openssl', ['s_client', '-connect', server.at(name), '-starttls', protocol, '-crlf', '-ign_eof'], {
      input: goodbyes[protocol].replace('\r', ''),
    });
    expect(output).toMatch(/TLSv1\.3/);
    expect(output).toContain('BEGIN CERTIFICATE');
    // QUIRK: s_client prints the greeting it read with octets that follow it in its buffer (OpenSSL 3.0, 2026-11).
    expect(output.replaceAll('\0', '')).toMatch(/^(?:221 2\.0\.0 Bye|a OK .*|\+OK Logging out\.)\r?$/m);
  });

  it.each(['-tls1', '-tls1_1'])('refuses %s', async (version) => {
    const { code, output } = await run('openssl', ['s_client', '-connect', server.at('imaps'), version, '-cipher', 'ALL:@SECLEVEL=0']);
    expect(code).not.toBe(0);
    expect(output).toMatch(/alert protocol version|no protocols available|unsupported protocol|Cipher is \(NONE\)/);
  });
});
