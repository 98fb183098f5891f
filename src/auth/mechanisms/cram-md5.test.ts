import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDirectory } from '../../directory/open.ts';
import type { AuthContext } from '../authenticator.ts';
import { createAuthenticator } from '../create.ts';
import { hashPassword } from '../password.ts';

it('CRAM-MD5 logs in with a password stored as CRAM-MD5 or plain, with no other', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-cram-'));
  const directory = openDirectory({ file: join(dir, 'directory.sqlite'), home: '/mail/%d/%n', quota: 0, recipientDelimiter: '+' });
  directory.manage.addDomain('example.com');
  for (const scheme of ['CRAM-MD5', 'PLAIN', 'SHA256']) {
    directory.manage.addUser(`${scheme}@example.com`, await hashPassword('secret', scheme));
  }
  const auth = createAuthenticator(
    { allowCleartext: false, mechanisms: ['CRAM-MD5'], defaultScheme: 'PLAIN', realm: '', cacheTtl: 0, failureBeat: 0 },
    { directory },
  );
  const context: AuthContext = { service: 'pop3', remoteAddress: '192.0.2.1', secure: false };
  const run = async (name: string, password: string): Promise<string> => {
    const exchange = auth.start('CRAM-MD5', context);
    const turn = await exchange.step(null);
    if (!('challenge' in turn)) return 'no challenge';
    expect(turn.challenge.toString()).toMatch(/^<[0-9a-f]{24}\.\d+@postcote>$/);
    const answer = `${name} ${createHmac('md5', password).update(turn.challenge).digest('hex')}`;
    return exchange.step(Buffer.from(answer)).then(
      (end) => ('account' in end ? end.account.address : ''),
      (error: { kind: string }) => error.kind,
    );
  };
  expect(await run('CRAM-MD5@example.com', 'secret')).toBe('cram-md5@example.com');
  expect(await run('plain@example.com', 'secret')).toBe('plain@example.com');
  expect(await run('plain@example.com', 'wrong')).toBe('badCredentials');
  expect(await run('sha256@example.com', 'secret')).toBe('badCredentials');
  expect(await run('none@example.com', 'secret')).toBe('badCredentials');
  expect(await run('', 'secret')).toBe('syntax');
  await auth.close();
  directory.close();
  rmSync(dir, { recursive: true, force: true });
});
