import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliver, has, journey, run } from '../support/program.ts';

describe.skipIf(!has('mutt') || !has('script'))('mutt (skipped where it is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  const mutt = (args: readonly string[], input = '') =>
    run('mutt', ['-F', join(server.dir, 'muttrc'), '-n', ...args], { input, env: { HOME: server.dir, TERM: 'dumb' } });
  beforeAll(async () => {
    server = await journey();
    mkdirSync(join(server.dir, 'Mail'));
    writeFileSync(
      join(server.dir, 'muttrc'),
      `set from = ann@example.com
set realname = Ann
set use_from = yes
set ssl_starttls = no
set ssl_force_tls = no
set smtp_url = "smtp://ann%40example.com:secret@${server.at('submission')}/"
set smtp_authenticators = plain
set imap_user = bob@example.com
set imap_pass = secret
set copy = no
set mail_check = 0
set header_cache = ""
set certificate_file = ""
set folder = ${server.dir}
set confirmappend = no
set confirmcreate = no
set wait_key = no
set move = no
set delete = no
set quit = yes
`,
    );
  });
  afterAll(() => server.close());

  it('sends by SMTP', async () => {
    const { code, output } = await mutt(['-s', 'from mutt', 'bob@example.com'], 'a line\n');
    expect({ code, output }).toEqual({ code: 0, output: '' });
    const { stdout } = await run('curl', ['-sS', `imap://${server.at('imap')}/INBOX;UID=1`, '-u', 'bob@example.com:secret']);
    expect(stdout).toContain('Subject: from mutt\r\n');
    expect(stdout).toMatch(/\r\n\r\na line\r\n$/);
  });

  it.each(['imap', 'pop'] as const)('reads by %s and saves elsewhere', async (protocol) => {
    await deliver(server, `for ${protocol}`, 'text\n', 'bob@example.com');
    const saved = join(server.dir, `${protocol}.mbox`);
    const url =
      protocol === 'imap'
        ? `imap://bob%40example.com:secret@${server.at('imap')}/INBOX`
        : `pop://bob%40example.com:secret@${server.at('pop3')}/`;
    // mutt wants a terminal; it does what it is told by keys pushed beforehand, on the newest message.
    const command = `mutt -F ${server.dir}/muttrc -n -f '${url}' -e 'push "<last-entry><copy-message>${saved}<enter><exit>"'`;
    const { output } = await run('script', ['-qec', command, '/dev/null'], { env: { HOME: server.dir, TERM: 'xterm' } });
    let text = '';
    try {
      text = readFileSync(saved, 'utf8');
    } catch {
      expect(output).toBe('a saved folder');
    }
    expect(text).toContain(`Subject: for ${protocol}\n`);
  });
});
