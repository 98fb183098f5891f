import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has, journey, run } from '../support/program.ts';

const ways = [
  { way: 'in the clear', smtp: 'submission', imap: 'imap', pop3: 'pop3', scheme: '', options: [] },
  { way: 'with STARTTLS', smtp: 'submission', imap: 'imap', pop3: 'pop3', scheme: '', options: ['--ssl-reqd', '-k'] },
  { way: 'under TLS', smtp: 'submissions', imap: 'imaps', pop3: 'pop3s', scheme: 's', options: ['-k'] },
] as const;

describe.skipIf(!has('curl'))('curl (skipped where it is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  const curl = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('curl', ['-sS', '--max-time', '20', ...args]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  beforeAll(async () => {
    server = await journey();
  });
  afterAll(() => server.close());

  it.each(ways)('sends and reads $way', async ({ way, smtp, imap, pop3, scheme, options }) => {
    const file = join(server.dir, 'message.eml');
    writeFileSync(file, `From: ann@example.com\r\nTo: bob@example.com\r\nSubject: ${way}\r\n\r\n.dot\r\ntext ${way}\r\n`);
    await curl(
      `smtp${scheme}://${server.at(smtp)}`,
      '--mail-from',
      'ann@example.com',
      '--mail-rcpt',
      'bob@example.com',
      '-u',
      'ann@example.com:secret',
      '-T',
      file,
      ...options,
    );
    const bob = ['-u', 'bob@example.com:secret', ...options];
    expect(await curl(`imap${scheme}://${server.at(imap)}/INBOX`, '-X', `SEARCH SUBJECT "${way}"`, ...bob)).toMatch(/^\* SEARCH \d+\r\n$/);
    const byImap = await curl(`imap${scheme}://${server.at(imap)}/INBOX;UID=*`, ...bob);
    expect(byImap).toMatch(/^Return-Path: <ann@example.com>\r\n/);
    expect(byImap).toContain(`\r\n\r\n.dot\r\ntext ${way}\r\n`);
    const list = await curl(`pop3${scheme}://${server.at(pop3)}/`, ...bob);
    const last = list.trim().split('\r\n').at(-1)!.split(' ');
    const byPop3 = await curl(`pop3${scheme}://${server.at(pop3)}/${last[0]}`, ...bob);
    expect(byPop3).toBe(byImap);
    expect(byPop3).toHaveLength(Number(last[1]));
  });

  it('is refused with a wrong password', async () => {
    for (const url of [`imap://${server.at('imap')}/INBOX`, `pop3://${server.at('pop3')}/`]) {
      expect((await run('curl', ['-sS', '--max-time', '20', url, '-u', 'ann@example.com:wrong'])).code).toBe(67);
    }
  });

  it('stores a message by IMAP', async () => {
    const file = join(server.dir, 'draft.eml');
    writeFileSync(file, 'Subject: a draft\r\n\r\ntext\r\n');
    await curl(`imap://${server.at('imap')}/Drafts`, '-u', 'ann@example.com:secret', '-T', file);
    expect(await curl(`imap://${server.at('imap')}/Drafts;UID=1`, '-u', 'ann@example.com:secret')).toBe('Subject: a draft\r\n\r\ntext\r\n');
  });
});
