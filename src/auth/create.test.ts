import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { crowd } from '../../test/support/time.ts';
import { type Directory, openDirectory } from '../directory/open.ts';
import { Fault } from '../mail/fault.ts';
import type { AuthContext, SaslExchange } from './authenticator.ts';
import { type AuthSettings, createAuthenticator, type RunningAuthenticator } from './create.ts';
import { hashPassword } from './password.ts';
import type { ThrottleEvent } from './throttle.ts';

const settings: AuthSettings = {
  allowCleartext: false,
  mechanisms: ['PLAIN', 'LOGIN'],
  defaultScheme: 'SHA512-CRYPT',
  realm: '',
  cacheTtl: 60_000,
  failureBeat: 0,
  hashing: { threads: 1 },
};
const tls: AuthContext = { service: 'imap', remoteAddress: '192.0.2.1', secure: true };
const clear: AuthContext = { ...tls, secure: false };

let dir: string;
let directory: Directory;
let time: number;
let running: RunningAuthenticator[];
const create = (changes: Partial<AuthSettings> = {}, channel?: Parameters<typeof createAuthenticator>[1]['channel']) => {
  const made = createAuthenticator({ ...settings, ...changes }, { directory, clock: { now: () => time }, ...(channel && { channel }) });
  running.push(made);
  return made;
};
const kind = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no fault',
    (error: { kind: string }) => error.kind,
  );

const stored = await hashPassword('secret', 'SHA512-CRYPT');
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-auth-'));
  directory = openDirectory({ file: join(dir, 'directory.sqlite'), home: '/mail/%d/%n', quota: 0, recipientDelimiter: '+' });
  directory.manage.addDomain('example.com');
  directory.manage.addUser('ann@example.com', stored);
  directory.manage.addUser('bob@example.com', '{PLAIN}secret');
  time = 1_800_000_000_000;
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.close()));
  directory.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('what is offered', () => {
  it.each([
    ['under TLS', tls, {}, true],
    ['in the clear', clear, {}, false],
    ['in the clear, allowed', clear, { allowCleartext: true }, true],
    ['from 127.0.0.1', { ...clear, remoteAddress: '127.0.0.1' }, {}, true],
    ['from ::1', { ...clear, remoteAddress: '::1' }, {}, true],
    ['from ::ffff:127.0.0.1', { ...clear, remoteAddress: '::ffff:127.0.0.1' }, {}, true],
    ['from nowhere', { ...clear, remoteAddress: '' }, {}, false],
  ])('%s', async (_, context, changes, allowed) => {
    const auth = create(changes);
    expect(auth.allowsPlaintext(context)).toBe(allowed);
    expect(auth.mechanisms(context)).toEqual(allowed ? ['PLAIN', 'LOGIN'] : []);
    expect(await kind(auth.login('ann@example.com', 'secret', context))).toBe(allowed ? 'no fault' : 'tlsRequired');
    if (!allowed) expect(() => auth.start('PLAIN', context)).toThrow(expect.objectContaining({ kind: 'tlsRequired' }));
  });

  it('only what is configured', () => {
    expect(() => create().start('CRAM-MD5', tls)).toThrow(expect.objectContaining({ kind: 'unsupported' }));
    expect(() => create({ mechanisms: ['PLAIN'] }).start('LOGIN', tls)).toThrow(expect.objectContaining({ kind: 'unsupported' }));
    expect(() => create({ mechanisms: ['ANONYMOUS'] })).toThrow(/ANONYMOUS/);
    expect(() => create({ defaultScheme: 'NONE' })).toThrow(/NONE/);
  });
});

describe('login', () => {
  it.each([
    ['ann@example.com', 'secret', 'no fault'],
    ['ANN@Example.COM', 'secret', 'no fault'],
    ['ann@example.com', 'Secret', 'badCredentials'],
    ['ann@example.com', '', 'badCredentials'],
    ['ann@example.com', 'secret\0', 'badCredentials'],
    ['ann@example.com', 'x'.repeat(5000), 'badCredentials'],
    ['ann', 'secret', 'badCredentials'],
    ['ann+tag@example.com', 'secret', 'badCredentials'],
    ['', 'secret', 'badCredentials'],
    ['nobody@example.com', 'secret', 'badCredentials'],
    ['x'.repeat(5000), 'secret', 'badCredentials'],
    ['__proto__', 'secret', 'badCredentials'],
    ["' OR 1=1 --@example.com", 'secret', 'badCredentials'],
  ])('%s with %j', async (name, password, expected) => {
    expect(await kind(create().login(name, password, tls))).toBe(expected);
  });

  it('appends the realm to bare names, when there is one', async () => {
    const auth = create({ realm: 'Example.com' });
    expect((await auth.login('Ann', 'secret', tls)).address).toBe('ann@example.com');
  });

  it('follows the rows at once', async () => {
    const auth = create();
    const login = (password = 'secret') => kind(auth.login('ann@example.com', password, tls));
    expect(await login()).toBe('no fault');
    expect(await login()).toBe('no fault');
    directory.manage.setPassword('ann@example.com', '{PLAIN}other');
    expect(await login()).toBe('badCredentials');
    expect(await login('other')).toBe('no fault');
    directory.manage.setUserEnabled('ann@example.com', false);
    expect(await login('other')).toBe('badCredentials');
    directory.manage.setUserEnabled('ann@example.com', true);
    directory.manage.setDomainEnabled('example.com', false);
    expect(await login('other')).toBe('badCredentials');
    directory.manage.removeUser('ann@example.com');
    expect(await login('other')).toBe('badCredentials');
  });

  it('hashes once for a client that comes again, never for another', async () => {
    const auth = create();
    const timed = async (context: AuthContext): Promise<number> => {
      const start = performance.now();
      await auth.login('ann@example.com', 'secret', context);
      return performance.now() - start;
    };
    await Promise.all(Array.from({ length: 20 }, () => timed(tls)));
    const cached = Math.min(await timed(tls), await timed(tls), await timed(tls));
    const other = await timed({ ...tls, service: 'smtp' });
    expect(cached).toBeLessThan(other * crowd());
  });

  it('says no to a password in a form that is not known', async () => {
    directory.manage.setPassword('ann@example.com', '{NONE}secret');
    expect(await kind(create().login('ann@example.com', 'secret', tls))).toBe('badCredentials');
  });

  it('refuses when too many wait', async () => {
    const auth = create({ hashing: { threads: 1, queueLimit: 3 } });
    const kinds = await Promise.all(
      Array.from({ length: 10 }, (_, i) => kind(auth.login(`n${i}@example.com`, 'x', { ...tls, remoteAddress: `192.0.2.${i}` }))),
    );
    expect(kinds.filter((one) => one === 'unavailable').length).toBeGreaterThan(3);
    expect(await kind(auth.login('ann@example.com', 'secret', tls))).toBe('no fault');
  });
});

describe('throttle', () => {
  it('refuses a network that guesses, tells no difference for unknown names, and forgets', async () => {
    for (const name of ['bob@example.com', 'none@example.com']) {
      const auth = create({ defaultScheme: 'PLAIN' });
      const kinds: string[] = [];
      for (let i = 0; i < 12; i++) kinds.push(await kind(auth.login(name, `guess ${i}`, tls)));
      expect(kinds).toEqual([...Array.from({ length: 10 }, () => 'badCredentials'), 'throttled', 'throttled']);
      expect(await kind(auth.login('bob@example.com', 'secret', tls))).toBe('throttled');
      expect(await kind(auth.login('bob@example.com', 'secret', { ...tls, remoteAddress: '198.51.100.7' }))).toBe('no fault');
      time += 1001;
      expect(await kind(auth.login('bob@example.com', 'wrong', tls))).toBe('badCredentials');
      time += 1001;
      expect(await kind(auth.login('bob@example.com', 'secret', tls))).toBe('throttled');
      time += 1000;
      expect(await kind(auth.login('bob@example.com', 'secret', tls))).toBe('no fault');
    }
  });

  it('protects an account from many networks, but not against those it was used from', async () => {
    const auth = create();
    expect(await kind(auth.login('bob@example.com', 'secret', tls))).toBe('no fault');
    let last = '';
    for (let i = 0; i < 25; i++)
      last = await kind(auth.login('bob@example.com', `guess ${i}`, { ...tls, remoteAddress: `2001:db8:0:${i}::1` }));
    expect(last).toBe('throttled');
    const kinds: string[] = [];
    for (let i = 0; i < 25; i++) kinds.push(await kind(auth.login('bob@example.com', `guess ${i}`, tls)));
    // As for any name, so that it tells nothing of this one.
    expect(kinds).toEqual(Array.from({ length: 25 }, (_, i) => (i < 10 ? 'badCredentials' : 'throttled')));
    expect(await kind(auth.login('bob@example.com', 'secret', tls))).toBe('no fault');
    expect(await kind(auth.login('bob@example.com', 'secret', { ...tls, remoteAddress: '198.51.100.7' }))).toBe('throttled');
  });

  it('counts a forgotten telephone once', async () => {
    const auth = create();
    for (let i = 0; i < 30; i++) expect(await kind(auth.login('bob@example.com', 'old password', tls))).toBe('badCredentials');
    expect(await kind(auth.login('ann@example.com', 'secret', tls))).toBe('no fault');
  });

  it('is shared by workers', async () => {
    const listeners = new Set<(event: ThrottleEvent) => void>();
    const channel = () => {
      let own: (event: ThrottleEvent) => void = () => {};
      return {
        publish: (event: ThrottleEvent) => {
          for (const listener of listeners) if (listener !== own) listener(structuredClone(event));
        },
        subscribe: (listener: (event: ThrottleEvent) => void) => {
          own = listener;
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      };
    };
    const [one, two] = [create({}, channel()), create({}, channel())];
    for (let i = 0; i < 10; i++) await kind((i % 2 === 0 ? one : two).login('bob@example.com', `guess ${i}`, tls));
    expect(await kind(one.login('bob@example.com', 'secret', tls))).toBe('throttled');
    expect(await kind(two.login('bob@example.com', 'secret', tls))).toBe('throttled');
  });
});

it('lets those in first who have been here before, also during a flood', async () => {
  const auth = create({ hashing: { threads: 1, queueLimit: 20 }, cacheTtl: 0 });
  await auth.login('ann@example.com', 'secret', tls);
  const order: string[] = [];
  const flood = Array.from({ length: 40 }, (_, i) =>
    kind(auth.login(`n${i}@example.com`, 'x', { ...tls, remoteAddress: `198.51.100.${i}` })).then((one) => order.push(one)),
  );
  await new Promise((resolve) => setImmediate(resolve));
  const known = kind(auth.login('ann@example.com', 'secret', tls)).then((one) => order.push(`known ${one}`));
  await Promise.all([...flood, known]);
  expect(order.filter((one) => one === 'unavailable').length).toBeGreaterThan(10);
  expect(order.filter((one) => one === 'badCredentials').length).toBeGreaterThan(15);
  expect(order.slice(order.indexOf('known no fault')).filter((one) => one === 'badCredentials').length).toBeGreaterThan(10);
});

describe('SASL', () => {
  const run = async (exchange: SaslExchange, responses: readonly (string | null)[]): Promise<string[]> => {
    const seen: string[] = [];
    for (const response of responses) {
      const turn = await exchange.step(response === null ? null : Buffer.from(response));
      seen.push('account' in turn ? turn.account.address : turn.challenge.toString());
    }
    return seen;
  };

  it.each([
    ['PLAIN', ['\0bob@example.com\0secret'], ['bob@example.com']],
    ['PLAIN', [null, '\0bob@example.com\0secret'], ['', 'bob@example.com']],
    ['plain', ['Bob@example.com\0bob@example.com\0secret'], ['bob@example.com']],
    ['LOGIN', [null, 'bob@example.com', 'secret'], ['Username:', 'Password:', 'bob@example.com']],
    ['LOGIN', ['bob@example.com', 'secret'], ['Password:', 'bob@example.com']],
  ])('%s %j', async (name, responses, expected) => {
    expect(await run(create().start(name, tls), responses)).toEqual(expected);
  });

  it('takes any octets and throws nothing but faults', async () => {
    const names = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256'];
    const auth = create({ mechanisms: names, defaultScheme: 'PLAIN', throttle: { networkFailures: 1e9, accountFailures: 1e9 } });
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string().map((text) => Buffer.from(text)),
      fc.string().map((text) => Buffer.from(`n,,n=bob@example.com,r=abcdefgh${text}`)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.option(octets), fc.array(octets, { maxLength: 4 }), async (name, first, more) => {
        const exchange = auth.start(name, tls);
        for (const response of [first, ...more]) {
          const turn = await exchange.step(response === null ? null : Buffer.from(response)).catch((error: unknown) => {
            if (!(error instanceof Fault)) throw error;
            return null;
          });
          if (turn === null) break;
          if ('account' in turn) throw new Error('logged in by chance');
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it.each([
    ['PLAIN', ['bob@example.com\0secret'], 'syntax'],
    ['PLAIN', [''], 'syntax'],
    ['PLAIN', ['\0\0secret'], 'syntax'],
    ['PLAIN', ['\0bob@example.com\0'], 'syntax'],
    ['PLAIN', ['\0bob@example.com\0sec\0ret'], 'syntax'],
    ['PLAIN', ['x'.repeat(10_000)], 'syntax'],
    ['PLAIN', ['ann@example.com\0bob@example.com\0secret'], 'badCredentials'],
    ['PLAIN', ['\0bob@example.com\0wrong'], 'badCredentials'],
    ['LOGIN', ['bob@example.com', 'wrong'], 'badCredentials'],
    ['LOGIN', ['bob@example.com', 'wrong\0'], 'syntax'],
    ['LOGIN', [null, null], 'syntax'],
  ])('%s %j is %s', async (name, responses, expected) => {
    expect(await kind(run(create().start(name, tls), responses))).toBe(expected);
  });
});
