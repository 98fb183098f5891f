import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliver, has, journey, run } from '../support/program.ts';

describe.skipIf(!has('mbsync'))('mbsync (skipped where isync is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  let local: string;
  const sync = async () => {
    const { code, output } = await run('mbsync', ['-c', join(server.dir, 'mbsyncrc'), '-a', '-q'], { env: { HOME: server.dir } });
    expect({ code, output }).toEqual({ code: 0, output: '' });
  };
  const files = (folder: string) =>
    ['cur', 'new'].flatMap((part) => readdirSync(join(local, folder, part)).map((name) => join(local, folder, part, name)));

  beforeAll(async () => {
    server = await journey();
    local = join(server.dir, 'local');
    mkdirSync(local);
    const { stdout: version } = await run('mbsync', ['--version']);
    const tls = /isync 1\.[0-4]/.test(version) ? 'SSLType' : 'TLSType';
    writeFileSync(
      join(server.dir, 'mbsyncrc'),
      `IMAPStore far
Host 127.0.0.1
Port ${server.port('imap')}
User ann@example.com
Pass secret
${tls} None

MaildirStore near
Path ${local}/
Inbox ${local}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
`,
    );
  });
  afterAll(() => server.close());

  it('brings mail and flags both ways', async () => {
    for (let i = 1; i <= 20; i++) await deliver(server, `message ${i}`, `body ${i}\n.dot\n`);
    await sync();
    expect(files('INBOX')).toHaveLength(20);
    expect(readdirSync(local)).toEqual(expect.arrayContaining(['Drafts', 'Sent', 'Trash']));
    const content = readFileSync(files('INBOX')[0]!, 'utf8');
    expect(content).toMatch(/^Return-Path: <bob@example.com>\n/);
    expect(content).toMatch(/body \d+\n\.dot\n$/);

    // Here: one is read and flagged, one goes, one is new, in a folder that is new.
    const [seen, gone] = files('INBOX') as [string, string];
    const base = (file: string) =>
      join(
        local,
        'INBOX/cur',
        file
          .split('/')
          .at(-1)!
          .replace(/:2,.*$/, ''),
      );
    renameSync(seen, `${base(seen)}:2,FS`);
    renameSync(gone, `${base(gone)}:2,T`);
    for (const part of ['', 'cur', 'new', 'tmp']) mkdirSync(join(local, 'Sp&AOQ-ter', part), { recursive: true });
    writeFileSync(join(local, 'Sp&AOQ-ter/cur/1700000000.1_1.host:2,RS'), 'Subject: written here\n\ntext\n');
    await sync();
    expect(files('INBOX')).toHaveLength(19);

    const imap = await run('curl', [
      '-sS',
      `imap://${server.at('imap')}/INBOX`,
      '-u',
      'ann@example.com:secret',
      '-X',
      'SEARCH FLAGGED SEEN',
    ]);
    expect(imap.stdout).toMatch(/^\* SEARCH \d+\r\n$/);

    // There: all that are flagged go, the rest is read.
    const there = (command: string) =>
      run('curl', ['-sS', `imap://${server.at('imap')}/INBOX`, '-u', 'ann@example.com:secret', '-X', command]);
    await there('STORE 1:* +FLAGS (\\Seen)');
    await sync();
    expect(files('INBOX').every((file) => /:2,[A-Z]*S/.test(file))).toBe(true);
    await sync();
    expect(files('INBOX')).toHaveLength(19);
    expect(files('Sp&AOQ-ter')).toHaveLength(1);
  });
});
