import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, startTestServer, type TestServer } from '../support/server.ts';

const accounts = Object.fromEntries(['ann', 'bob', 'cid', 'dan'].map((name) => [`${name}@example.com`, 'secret']));
let server: TestServer;
let env: Record<string, string>;
const setUp = async (): Promise<void> => {
  server = await startTestServer({
    accounts,
    settings: { hostname: 'mail.example.com', 'relay.transport': { 'down.test': '[127.0.0.1]:1' } },
  });
  env = {
    PATH: process.env.PATH ?? '',
    POSTCOTE_DATA_DIR: server.settings.data_dir as string,
    POSTCOTE_HOSTNAME: 'mail.example.com',
    POSTCOTE_MAIL__HOME: server.settings['mail.home'] as string,
  };
};
const tearDown = (): Promise<void> => server.close();

function cli(args: string[], input = ''): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli.js'), ...args], { env, cwd: server.dir });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on('close', (code) => resolve({ code: code ?? -1, out, err }));
    child.stdin.end(input);
  });
}

async function inbox(user: string, count: number): Promise<string[]> {
  const dir = join(server.dir, 'mail/example.com', user, 'Maildir/new');
  for (const until = Date.now() + 30_000; Date.now() < until; ) {
    if (existsSync(dir) && readdirSync(dir).length >= count) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'));
}

describe('sendmail', () => {
  // With a recipient of its own in each test.
  beforeAll(setUp);
  afterAll(tearDown);

  it('answers mailq and newaliases, and refuses what it does not know', async () => {
    expect(await cli(['mailq'])).toMatchObject({ code: 0, out: 'Mail queue is empty\n' });
    expect(await cli(['sendmail', '-bp'])).toMatchObject({ code: 0, out: 'Mail queue is empty\n' });
    expect((await cli(['newaliases'])).code).toBe(0);
    expect((await cli(['sendmail', '-bd'])).code).toBe(64);
    expect((await cli(['sendmail', '-t'], 'Subject: nobody\n\nx\n')).code).toBe(64);
  });

  it('sends to a mailbox, as `mail -s` does', async () => {
    const sent = await cli(['sendmail', '-i', 'ann@example.com'], 'To: ann@example.com\nSubject: hi\n\ntext\n.\nmore\n');
    expect(sent).toMatchObject({ code: 0, out: '', err: '' });
    const [message] = await inbox('ann', 1);
    expect(message).toMatch(/^Return-Path: <\w+@mail\.example\.com>\n/);
    expect(message).toMatch(/^Message-ID: </m);
    expect(message).toMatch(/^Date: /m);
    expect(message).toMatch(/^From: \w+@mail\.example\.com$/m);
    expect(message).toContain('\n\ntext\n.\nmore\n');
  });

  it('reads recipients from the header and hides Bcc', async () => {
    const text = 'From: Cid <cid@example.com>\nTo: "Bob, B." <bob@example.com>\nBcc:\n cid@example.com\nSubject: x\n\n.\nnot sent\n';
    expect((await cli(['sendmail', '-t', '-oem', '-fcid@example.com', '-F', 'Cid'], text)).code).toBe(0);
    const [cid] = await inbox('cid', 1);
    const [bob] = await inbox('bob', 1);
    expect(cid).not.toContain('Bcc');
    expect(bob).toMatch(/^Return-Path: <cid@example\.com>\n/);
    expect(bob).not.toContain('not sent');
  });

  it('tells the sender of a recipient that is not there', async () => {
    expect((await cli(['sendmail', '-f', 'dan@example.com', 'nobody@example.com'], 'Subject: x\n\nlost\n')).code).toBe(0);
    const [bounce] = await inbox('dan', 1);
    expect(bounce).toMatch(/Status: 5\.1\.1/);
    expect(bounce).toContain('lost');
    const story = () => cli(['trace', 'nobody@example.com']);
    await expect
      .poll(story, { timeout: 20_000, interval: 300 })
      .toMatchObject({ code: 0, out: expect.stringContaining(' delivered ') as string });
    expect((await story()).out).toMatch(/ failed .*reply="550 5\.1\.1[\s\S]* sender notified .*dsn=(\w+)[\s\S]* \1 delivered /);
    expect((await cli(['trace', 'someone@else.example'])).code).toBe(1);
  });
});

describe('what waits', () => {
  beforeAll(setUp);
  afterAll(tearDown);

  it('is held, let go and removed, as its trace tells', async () => {
    expect((await cli(['sendmail', '-f', 'ann@example.com', 'x@down.test', 'nobody@example.com'], 'Subject: x\n\nx\n')).code).toBe(0);
    await expect
      .poll(() => cli(['mailq']), { timeout: 20_000, interval: 200 })
      .toMatchObject({
        out: expect.stringMatching(/Connection refused/) as string,
      });
    // What is not tried because nobody answers there says so too.
    expect((await cli(['sendmail', '-f', 'ann@example.com', 'y@down.test'], 'Subject: y\n\nx\n')).code).toBe(0);
    await expect
      .poll(() => cli(['mailq']), { timeout: 20_000, interval: 200 })
      .toMatchObject({
        out: expect.stringMatching(/Connection refused[\s\S]*Connection refused\)\n +y@down\.test/) as string,
      });
    const listed = JSON.parse((await cli(['queue', 'list', '--json'])).out) as { queue_id: string; recipients: { address: string }[] }[];
    const id = listed.find(({ recipients }) => recipients.some(({ address }) => address === 'x@down.test'))!.queue_id;
    expect((await cli(['queue', 'hold', id])).code).toBe(0);
    expect((await cli(['mailq'])).out).toContain(`${id}!`);
    expect((await cli(['queue', 'flush', id])).code).toBe(1);
    expect((await cli(['queue', 'release', 'x@down.test'])).out).toBe('1 message\n');
    expect((await cli(['queue', 'rm', id])).code).toBe(0);
    expect((await cli(['queue', 'rm', id])).code).toBe(1);
    const { out } = await cli(['trace', id]);
    expect(out).toMatch(
      / queued from=ann@example\.com [\s\S]* protocol=local [\s\S]* deferred [\s\S]* held uid=[\s\S]* released uid=[\s\S]* removed uid=/,
    );
    // What went on under another id belongs to it.
    expect(out).toMatch(/ queued_as=(\w+)[\s\S]* \1 failed address=nobody@example\.com/);
  });
});

describe('sendmail without a server', () => {
  beforeAll(setUp);
  afterAll(tearDown);

  it('leaves mail that is delivered at the next start', async () => {
    const { startTestServer: start } = await import('../support/server.ts');
    await server.server.close(500);
    expect((await cli(['sendmail', 'ann@example.com'], 'Subject: later\n\nx\n')).code).toBe(0);
    expect(readdirSync(join(env.POSTCOTE_DATA_DIR!, 'maildrop')).filter((name) => name.endsWith('.mail'))).toHaveLength(1);
    expect((await cli(['mailq'])).out).toBe('1 more left by sendmail for the server to take.\n');
    const again = await start({ settings: { ...server.settings }, accounts: {} });
    expect((await inbox('ann', 1))[0]).toContain('Subject: later');
    await again.close();
  });
});
