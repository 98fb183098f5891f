import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliver, journey } from '../support/program.ts';
import { crowd } from '../support/time.ts';

describe('imapflow', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  beforeAll(async () => {
    server = await journey();
    for (const subject of ['one', 'two', 'three']) await deliver(server, subject, `body of ${subject}\n`);
  });
  afterAll(() => server.close());

  const client = (secure: boolean, user = 'ann@example.com') =>
    new ImapFlow({
      host: '127.0.0.1',
      port: server.port(secure ? 'imaps' : 'imap'),
      secure,
      tls: { rejectUnauthorized: false },
      auth: { user, pass: 'secret' },
      logger: false,
    });

  it.each([false, true])('lists, fetches, changes (implicit TLS: %s)', async (secure) => {
    const imap = client(secure);
    await imap.connect();
    expect(imap.capabilities.has('IDLE')).toBe(true);
    const boxes = await imap.list();
    expect(boxes.map(({ path }) => path)).toEqual(expect.arrayContaining(['INBOX', 'Sent', 'Drafts', 'Trash', 'Junk', 'Archive']));
    expect(boxes.find(({ path }) => path === 'Sent')?.specialUse).toBe('\\Sent');
    const lock = await imap.getMailboxLock('INBOX');
    try {
      const messages = await imap.fetchAll('1:3', {
        envelope: true,
        bodyStructure: true,
        flags: true,
        source: true,
        size: true,
        internalDate: true,
      });
      expect(messages.map(({ envelope }) => envelope?.subject)).toEqual(['one', 'two', 'three']);
      for (const { size, source, bodyStructure } of messages) {
        expect(source).toHaveLength(size!);
        expect(bodyStructure?.type).toBe('text/plain');
      }
      expect(await imap.search({ body: 'body of two' })).toEqual([2]);
      expect(await imap.messageFlagsAdd('2', ['\\Seen', '$Label1'])).toBe(true);
      const changed = await imap.fetchOne('2', { flags: true });
      expect(changed).toMatchObject({ flags: new Set(['\\Seen', '$Label1']) });
      const copied = await imap.messageCopy('1:2', 'Archive');
      expect(copied).toMatchObject({ uidMap: { size: 2 } });
    } finally {
      lock.release();
    }
    await imap.mailboxCreate('Проект/日本');
    expect((await imap.list()).map(({ path }) => path)).toContain('Проект/日本');
    const appended = await imap.append('Проект/日本', 'Subject: x\r\n\r\ny\r\n', ['\\Seen']);
    expect(appended).toMatchObject({ uid: 1 });
    await imap.mailboxDelete('Проект/日本');
    await imap.mailboxDelete('Проект');
    await imap.logout();
  });

  it('hears of new mail while it idles', async () => {
    const imap = client(true);
    await imap.connect();
    await imap.mailboxOpen('INBOX');
    const heard = new Promise<{ count: number; at: number }>((resolve) =>
      imap.on('exists', ({ count }: { count: number }) => resolve({ count, at: performance.now() })),
    );
    void imap.idle();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const sent = performance.now();
    await deliver(server, 'news');
    const { count, at } = await heard;
    expect(count).toBe(4);
    expect(at - sent).toBeLessThan(2_000 * crowd());
    await imap.logout();
  });
});
