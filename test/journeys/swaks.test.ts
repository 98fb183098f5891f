import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has, journey, run } from '../support/program.ts';

describe.skipIf(!has('swaks'))('swaks (skipped where it is not installed)', () => {
  let server: Awaited<ReturnType<typeof journey>>;
  beforeAll(async () => {
    server = await journey();
  });
  afterAll(() => server.close());

  const swaks = (name: 'smtp' | 'submission' | 'submissions' | 'lmtp', ...options: string[]) =>
    run('swaks', [
      '--server',
      '127.0.0.1',
      '--port',
      String(server.port(name)),
      '--helo',
      'client.example.net',
      '--timeout',
      '20',
      ...options,
    ]);
  const login = ['--from', 'ann@example.com', '--to', 'bob@example.com', '--auth-user', 'ann@example.com', '--auth-password', 'secret'];

  it('delivers to port 25', async () => {
    const { code, output } = await swaks('smtp', '--from', 'x@example.net', '--to', 'ann@example.com');
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/<[-~] +250 2\.0\.0 Ok: queued as [0-9A-Z]+/) });
  });

  it.each([
    ['AUTH PLAIN in the clear', 'submission', ['--auth', 'PLAIN']],
    ['AUTH LOGIN with STARTTLS', 'submission', ['--auth', 'LOGIN', '-tls']],
    ['AUTH PLAIN under TLS', 'submissions', ['--auth', 'PLAIN', '-tlsc']],
    ['pipelining', 'submission', ['--auth', 'PLAIN', '--pipeline']],
  ] as const)('submits by %s', async (_, name, options) => {
    const { code, output } = await swaks(name, ...login, ...options);
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('235 2.7.0 Authentication successful') });
  });

  it('is refused: wrong password, relaying, no such user', async () => {
    // 28: authentication, 24: recipients.
    expect((await swaks('submission', ...login, '--auth-password', 'wrong')).code).toBe(28);
    const nobody = await swaks('smtp', '--from', 'x@example.net', '--to', 'nobody@example.com');
    expect(nobody).toMatchObject({ code: 24, output: expect.stringContaining('550 5.1.1 <nobody@example.com>') });
  });

  it('speaks LMTP', async () => {
    const { code, output } = await swaks(
      'lmtp',
      '--protocol',
      'LMTP',
      '--from',
      'x@example.net',
      '--to',
      'ann@example.com,bob@example.com',
    );
    expect({ code, output }).toMatchObject({ code: 0 });
  });
});
