import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journey } from '../support/program.ts';

describe('nodemailer', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  beforeAll(async () => {
    // One recipient of each is refused: a client that makes mistakes is slowed down.
    server = await journey({ 'smtp.error_sleep_time': 0 });
  });
  afterAll(() => server.close());

  const auth = { user: 'ann@example.com', pass: 'secret' };
  it.each([
    ['in the clear', 'submission', { ignoreTLS: true }],
    ['with STARTTLS', 'submission', { requireTLS: true }],
    ['under TLS', 'submissions', { secure: true }],
  ] as const)('sends %s', async (_, name, options) => {
    const transport = createTransport({ host: '127.0.0.1', port: server.port(name), tls: { rejectUnauthorized: false }, auth, ...options });
    const sent = await transport.sendMail({
      from: 'Ann <ann@example.com>',
      to: ['bob@example.com', 'ann@example.com'],
      subject: 'Grüße 日本語',
      text: '.dot\ntext',
      html: '<b>text</b>',
      attachments: [{ filename: 'данные.bin', content: Buffer.alloc(100_000, 7) }],
    });
    expect(sent.accepted).toEqual(['bob@example.com', 'ann@example.com']);
    expect(sent.response).toMatch(/^250 2\.0\.0 Ok: queued as /);
    transport.close();
  });

  it('sends many over one connection, and hears of those that are refused', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: server.port('submissions'),
      secure: true,
      pool: true,
      maxConnections: 2,
      tls: { rejectUnauthorized: false },
      auth,
    });
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        transport.sendMail({ from: 'ann@example.com', to: ['bob@example.com', 'nobody@example.com'], subject: `${i}`, text: 'x' }),
      ),
    );
    for (const { accepted, rejected } of all)
      expect({ accepted, rejected }).toEqual({ accepted: ['bob@example.com'], rejected: ['nobody@example.com'] });
    transport.close();
  });

  it('is refused with a wrong password', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: server.port('submission'),
      tls: { rejectUnauthorized: false },
      auth: { user: 'ann@example.com', pass: 'wrong' },
    });
    await expect(transport.verify()).rejects.toMatchObject({ code: 'EAUTH', responseCode: 535 });
    transport.close();
  });
});
