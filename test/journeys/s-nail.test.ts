import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliver, has, journey, run } from '../support/program.ts';

describe.skipIf(!has('s-nail'))('s-nail (skipped where it is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  const nail = (args: readonly string[], input: string) =>
    run('s-nail', ['-:/', '-Sv15-compat', '-Stls-verify=ignore', ...args], { input, env: { HOME: server.dir, MAILRC: '/dev/null' } });
  beforeAll(async () => {
    server = await journey();
  });
  afterAll(() => server.close());

  it.each([
    ['in the clear', 'smtp', 'submission', ['-Ssmtp-use-starttls=no']],
    ['with STARTTLS', 'smtp', 'submission', ['-Ssmtp-use-starttls']],
    ['under TLS', 'smtps', 'submissions', []],
  ] as const)('echo text | mail -s subject bob@example.com, %s', async (way, scheme, name, options) => {
    const mta = `${scheme}://ann%40example.com:secret@${server.at(name)}`;
    const { code, output } = await nail(
      [
        '-Sfrom=ann@example.com',
        `-Smta=${mta}`,
        '-Ssmtp-auth=plain',
        ...options.filter((option) => !option.endsWith('=no')),
        '-s',
        `by mail ${way}`,
        'bob@example.com',
      ],
      'text\n',
    );
    expect({ code, output }).toEqual({ code: 0, output: '' });
  });

  it('put files into Maildir/new', () => {
    expect(readdirSync(join(server.dir, 'mail/example.com/bob/Maildir/new'))).toHaveLength(3);
  });

  it.each([
    ['pop3', 'pop3', []],
    ['pop3s', 'pop3s', []],
    ['imap', 'imap', []],
    ['imaps', 'imaps', []],
  ] as const)('reads by %s', async (scheme, name, options) => {
    await deliver(server, `for ${scheme}`);
    const { code, output } = await nail(
      [...options, '-R', '-f', `${scheme}://ann%40example.com:secret@${server.at(name)}`],
      'headers\nquit\n',
    );
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(`for ${scheme}`) });
  });
});
