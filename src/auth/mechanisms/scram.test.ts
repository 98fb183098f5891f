import { createHmac, hash as digest, pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Directory, openDirectory } from '../../directory/open.ts';
import type { AuthContext } from '../authenticator.ts';
import { createAuthenticator, type RunningAuthenticator } from '../create.ts';
import { hashPassword } from '../password.ts';
import { type ScramAlgorithm, scramKeys } from '../schemes/scram.ts';

const names = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const algorithms: Record<(typeof names)[number], ScramAlgorithm> = {
  'SCRAM-SHA-1': 'sha1',
  'SCRAM-SHA-256': 'sha256',
  'SCRAM-SHA-512': 'sha512',
};
const exporter = randomBytes(32);
const context: AuthContext = {
  service: 'imap',
  remoteAddress: '192.0.2.1',
  secure: true,
  channelBinding: (type) => (type === 'tls-exporter' ? exporter : null),
};

let dir: string;
let directory: Directory;
let auth: RunningAuthenticator;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-scram-'));
  directory = openDirectory({ file: join(dir, 'directory.sqlite'), home: '/mail/%d/%n', quota: 0, recipientDelimiter: '+' });
  directory.manage.addDomain('example.com');
  auth = createAuthenticator(
    {
      allowCleartext: false,
      mechanisms: [...names, ...names.map((name) => `${name}-PLUS`)],
      defaultScheme: 'SHA512-CRYPT',
      realm: '',
      cacheTtl: 0,
      failureBeat: 0,
      throttle: { networkFailures: 1000 },
    },
    { directory, secret: directory.secret('auth') },
  );
});
afterEach(async () => {
  await auth.close();
  directory.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Client {
  readonly name: (typeof names)[number];
  readonly user?: string;
  readonly password?: string;
  readonly header?: string;
  readonly plus?: boolean;
  readonly binding?: Buffer;
  readonly changeNonce?: boolean;
}

/** A client by the book. RFC 5802 3, 5 */
async function run({
  name,
  user = 'ann@example.com',
  password = 'pencil',
  header = 'n,,',
  plus = false,
  binding,
  changeNonce = false,
}: Client) {
  const algorithm = algorithms[name];
  const exchange = auth.start(plus ? `${name}-PLUS` : name, context);
  const step = async (text: string | null): Promise<string> => {
    const turn = await exchange.step(text === null ? null : Buffer.from(text));
    return 'account' in turn ? `account ${turn.account.address}` : turn.challenge.toString();
  };
  const bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=fyko+d2lbbFgONRv9qkxdawL`;
  const serverFirst = await step(header + bare);
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst)!;
  expect(nonce).toMatch(/^fyko\+d2lbbFgONRv9qkxdawL.{24}$/);
  const size = digest(algorithm, '', 'buffer').length;
  const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), size, algorithm);
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac(algorithm, key).update(text).digest();
  const clientKey = hmac(salted, 'Client Key');
  const c = Buffer.concat([Buffer.from(header), binding ?? Buffer.alloc(0)]).toString('base64');
  const withoutProof = `c=${c},r=${nonce}${changeNonce ? 'x' : ''}`;
  const message = `${bare},${serverFirst},${withoutProof}`;
  const signature = hmac(digest(algorithm, clientKey, 'buffer'), message);
  const proof = Buffer.from(clientKey.map((octet, i) => octet ^ signature[i]!)).toString('base64');
  const serverFinal = await step(`${withoutProof},p=${proof}`);
  expect(serverFinal).toBe(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`);
  return { salt, answer: await step('') };
}
const kind = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no fault',
    (error: { kind: string }) => error.kind,
  );

it('derives the keys of RFC 7677 3', async () => {
  const keys = await scramKeys('sha256', 'pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), 4096);
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const message = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
  expect(createHmac('sha256', keys.serverKey).update(message).digest('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

describe.each(names)('%s', (name) => {
  it.each([name, 'PLAIN'])('logs in with a password stored as %s', async (scheme) => {
    directory.manage.addUser('ann@example.com', await hashPassword('pencil', scheme));
    expect((await run({ name })).answer).toBe('account ann@example.com');
    expect((await run({ name, header: 'n,a=Ann@example.com,' })).answer).toBe('account ann@example.com');
    expect((await run({ name, user: 'ANN@example.com', plus: true, header: 'p=tls-exporter,,', binding: exporter })).answer).toMatch(
      /^account/,
    );
  });

  it('refuses everything else', async () => {
    directory.manage.addUser('ann@example.com', await hashPassword('pencil', name));
    directory.manage.addUser('bob@example.com', await hashPassword('pencil', 'SHA256'));
    directory.manage.addUser('off@example.com', '{PLAIN}pencil');
    directory.manage.setUserEnabled('off@example.com', false);
    const refused: Partial<Client>[] = [
      { password: 'wrong' },
      { user: 'none@example.com' },
      { user: 'bob@example.com' },
      { user: 'off@example.com' },
      { header: 'n,a=bob@example.com,' },
      { changeNonce: true },
      { header: 'y,,' },
      { plus: true },
      { header: 'p=tls-exporter,,', binding: exporter },
      { plus: true, header: 'p=tls-exporter,,', binding: randomBytes(32) },
      { plus: true, header: 'p=tls-unique,,', binding: exporter },
      { binding: exporter },
    ];
    for (const client of refused) expect([client, await kind(run({ name, ...client }))]).toEqual([client, 'badCredentials']);
  });

  it('shows a name that is not there the same salt each time', async () => {
    const salt = async (user: string): Promise<string> => {
      const turn = await auth.start(name, context).step(Buffer.from(`n,,n=${user},r=fyko+d2lbbFgONRv9qkxdawL`));
      return 'challenge' in turn ? /s=([^,]+)/.exec(turn.challenge.toString())![1]! : '';
    };
    expect(await salt('none@example.com')).toBe(await salt('NONE@example.com'));
    expect(await salt('none@example.com')).not.toBe(await salt('other@example.com'));
  });

  it.each([
    '',
    'n',
    'n,,n=a',
    'n,,r=abcdefgh,n=a',
    'n,,m=x,n=a,r=abcdefgh',
    'n,,n=a=2,r=abcdefgh',
    'n,,n=a,r=short',
    'n,,n=\0,r=abcdefgh',
    'x,,n=a,r=abcdefgh',
  ])('does not understand %j', async (text) => {
    expect(await kind(auth.start(name, context).step(Buffer.from(text)))).toBe('syntax');
  });
});

it('offers binding only where there is something to bind to', () => {
  expect(auth.mechanisms(context)).toContain('SCRAM-SHA-256-PLUS');
  const { channelBinding: _, ...plain } = context;
  expect(auth.mechanisms(plain)).toEqual(['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1']);
  expect(auth.mechanisms({ ...plain, secure: false })).toHaveLength(3);
});
