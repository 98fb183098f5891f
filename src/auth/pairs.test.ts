import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { silentLog } from '../base/log.ts';
import type { Account, DirectorySource } from '../directory/directory.ts';
import { foldDomain, foldLocalPart } from '../directory/names.ts';
import { splitAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import type { AccountId } from '../mail/numbers.ts';
import type { AuthContext } from './authenticator.ts';
import type { HashPool } from './hash-pool.ts';
import { Throttle } from './throttle.ts';
import { Verifier } from './verifier.ts';

/** Accounts whose names come close to each other, each with a password of its own. */
const addresses = [
  'a@b',
  'a@b.c',
  'aa@b',
  'ab@c',
  'a.b@c',
  'a+b@c',
  '"a b"@c',
  'é@b',
  'e\u0301é@b',
  'ss@b',
  'ß@b',
  'i@b',
  'ı@b',
  'a1@b',
  '1a@b',
  '__proto__@b',
];
const accounts = new Map(
  addresses.map((written, i): [string, Account] => {
    const { localPart, domain } = splitAddress(written)!;
    const address = `${foldLocalPart(localPart)}@${foldDomain(domain)}`;
    return [address, { id: (i + 1) as AccountId, address, password: `{PLAIN}p${i}`, enabled: true, home: '/x', quota: 0 }];
  }),
);
const directory = { account: async (address: string) => accounts.get(address) ?? null } as unknown as DirectorySource;
/** Compares, with nothing between that could remember. */
const pool: HashPool = {
  verify: async (password, stored) => stored === `{PLAIN}${password}`,
  hash: async () => '{PLAIN}\0nobody',
  pending: 0,
  close: async () => {},
};
const clock = { time: 1_800_000_000_000, now: () => clock.time };

function verifier(realm: string): Verifier {
  const throttle = new Throttle({ networkFailures: 1e9, accountFailures: 1e9 }, clock);
  return new Verifier(
    { defaultScheme: 'PLAIN', realm, failureBeat: 0, cache: { ttl: 1e9, size: 1e6 } },
    { directory, pool, throttle, clock, log: silentLog },
  );
}

describe('a login', () => {
  const spell = fc.constantFrom<(name: string) => string>(
    (name) => name,
    (name) => name.toUpperCase(),
    (name) => name.normalize('NFD'),
    (name) => `${name}.`,
    (name) => name.split('@')[0]!,
    (name) => `${name}@b`,
    (name) => `@${name}`,
    (name) => `${name}\0`,
    (name) => `\0${name}`,
    (name) => `${name} `,
    () => '',
    () => '@',
    (name) => name.replace('@', '＠'),
  );
  const attempt = fc.record({
    name: fc.constantFrom(...addresses),
    spell,
    password: fc.oneof(
      fc.integer({ min: 0, max: addresses.length - 1 }).map((i) => `p${i}`),
      fc.constantFrom('', 'p', 'P1', 'p1\0', '\0p1', 'p1 ', 'p01'),
    ),
    mechanism: fc.constantFrom('PLAIN', 'LOGIN', 'login', ''),
    service: fc.constantFrom<AuthContext['service']>('imap', 'pop3', 'smtp'),
    realm: fc.constantFrom(0, 1, 2),
  });

  it('is answered as if nobody had been there before, whatever name, realm, mechanism or service came before', async () => {
    // One for each realm, all of them remembering.
    const verifiers = ['', 'b', 'c'].map(verifier);
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(attempt, async ({ name, spell, password, mechanism, service, realm }) => {
        const given = spell(name);
        const one = verifiers[realm]!;
        const expected = accounts.get(one.loginName(given)) ?? null;
        const may = expected !== null && password !== '' && expected.password === `{PLAIN}${password}`;
        const context: AuthContext = { service, remoteAddress: '192.0.2.1', secure: true };
        const got = await one.verify(given, password, mechanism, context).catch((error: unknown) => {
          if (!(error instanceof Fault)) throw error;
          return null;
        });
        if (got !== null) accepted++;
        if ((got?.address ?? null) !== (may ? expected.address : null))
          throw new Error(`${JSON.stringify(given)} ${password}: ${got?.address}`);
      }),
      { numRuns: runs(100_000) },
    );
    expect(accepted).toBeGreaterThan(100);
  }, 120_000);
});

describe('the throttle', () => {
  it('never keeps out who has just logged in, whatever anyone gets wrong', () => {
    const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8:0:1::1', '127.0.0.1');
    const account = fc.constantFrom('a@b', 'c@d');
    const event = fc.oneof(
      { weight: 8, arbitrary: fc.record({ what: fc.constant('failed' as const), address, account, guess: fc.string() }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('succeeded' as const), address, account }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: -1000, max: 20 * 86_400_000 }) }) },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const now = { time: 1_800_000_000_000, now: () => now.time };
        const throttle = new Throttle({ networkFailures: 3, accountFailures: 5 }, now);
        /** When someone got in, by address and account. */
        const got = new Map<string, number>();
        for (const one of events) {
          if (one.what === 'failed') throttle.failed(one.address, one.account, one.guess);
          else if (one.what === 'wait') now.time += one.ms;
          else {
            throttle.succeeded(one.address, one.account);
            got.set(`${one.address} ${one.account}`, now.time);
          }
          for (const [key, at] of got) {
            const [from, who] = key.split(' ') as [string, string];
            // Known: such an attempt goes on to the password, whatever `wait` says.
            if (now.time - at < 29 * 86_400_000 && !throttle.judge(from, who).known) throw new Error(`${key} is kept out`);
          }
          for (const from of ['192.0.2.1', '2001:db8::1']) {
            const { wait } = throttle.judge(from, 'a@b');
            if (!(wait >= 0 && wait <= 300_000)) throw new Error(`${wait} ms to wait`);
          }
        }
      }),
      { numRuns: runs(2000) },
    );
  });
});
