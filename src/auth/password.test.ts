import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { Fault } from '../mail/fault.ts';
import { findScheme, hashPassword, recognise, verifyPassword } from './password.ts';
import { hmacMd5, hmacState } from './schemes/cram-md5.ts';
import { schemes } from './schemes/index.ts';
import { parseScram } from './schemes/scram.ts';

const verify = (password: string, stored: string, fallback = 'SHA512-CRYPT') => verifyPassword(password, stored, fallback);

describe('known vectors', () => {
  // SHA-crypt.txt 0.6, "Test vectors from FIPS 180-2: appended to check crypt".
  it.each([
    ['Hello world!', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1'],
    [
      'Hello world!',
      '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    ],
    [
      'This is just a test',
      '$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
    ],
    [
      'a very much longer text to encrypt.  This one even stretches over morethan one line.',
      '$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
    ],
    [
      'the minimum number is still observed',
      '$6$rounds=10$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
    ],
    ['Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
    ['Hello world!', '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA'],
    ['password', '{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99'],
    ['password', '{LDAP-MD5}X03MO1qnZdYdgyfeuILPmQ=='],
    ['password', '{MD5}5f4dcc3b5aa765d61d8327deb882cf99'],
    ['password', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['password', '{SHA1.hex}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8'],
    ['password', '{plain}password'],
    ['password', '{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99\n'],
    ['password', '{PLAIN.b64}cGFzc3dvcmQ='],
    ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    // Written by doveadm pw.
    ['secret', '{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56'],
    ['secret', '{PLAIN-MD4}67d3dafef63ff00603aeef3769cfbf0d'],
    ['secret', '{PBKDF2}$1$GgBmF0Xc4mqxjazn$5000$c8f0369956225b405242b52aa369ea6f0f9cbc7f'],
    [
      'secret',
      '{SCRAM-SHA-256}4096,N15L7XAn+bf9jcVu1QmO8g==,gv9YMlFnmVftO6qMbVRbi3VEBfw7tySeiI3uQ69c7KU=,VRTYRCiq3NHvfEqzKgctkq5d436Qs+lnXHb5S13UxQo=',
    ],
    ['secret', '{SCRAM-SHA-1}4096,/Eb0QjjYe1t4ohjgdi14WA==,wocl+afvTzJ7qk6lGllm/LZYBD4=,CMvAc83UleiWgL12s/5t+K+WTjY='],
    ['secret', '{SMD5}Mw2lcpFHXpuNbFzU+YJKJFG3/yo='],
    ['secret', '{MD5}$1$.Cq2IWjo$krpn9AOAPqKcO7dHpdXgc0'],
    ['secret', '{DES-CRYPT}QnyPJf06SOTdE'],
    ['secret', 'QnyPJf06SOTdE'],
    ['secret', '{SSHA512}4vTahwV9fv6pAFVofuuER7qI7l4AVOMTMVorQebJ503ohNO6vK/NiZnk1CL/LI3t7xN0MEPlxHhgVZ3RQLaBG2nBH3M='],
    ['secret', '{CRYPT}$2y$05$jHaDaSkTnNCaJTOkNYzMeeNUdRbuTVavG3qh31rpZyc6PlUA/Q7ES'],
    ['secret', '{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols='],
    ['secret', '$argon2id$v=19$m=65536,t=3,p=1$s3+1ysAoBE1ofgc7apHA9g$p8t61ckjzsVduy09X3M1Rl+7hMHTUvwUpPUl3y42j3E'],
  ])('%s is %s', async (password, stored) => {
    expect(await verify(password!, stored!)).toBe(true);
    expect(await verify(`${password!.slice(1)}`, stored!)).toBe(false);
  });

  it('knows the default scheme where the shape says nothing', async () => {
    expect(await verify('QnyPJf06SOTdE', 'QnyPJf06SOTdE', 'PLAIN')).toBe(true);
    expect(await verify('5f4dcc3b5aa765d61d8327deb882cf99', '5f4dcc3b5aa765d61d8327deb882cf99', 'PLAIN-MD5')).toBe(false);
    expect(await verify('password', '5f4dcc3b5aa765d61d8327deb882cf99', 'PLAIN-MD5')).toBe(true);
  });
});

describe('each scheme', () => {
  const each = schemes.map((scheme) => scheme.name);

  it.each(each)(
    '%s verifies what it hashes, and nothing else',
    async (name) => {
      // Suffixes say nothing new about those that take long.
      const costly = /^(ARGON2|BLF|CRYPT|SHA.*-CRYPT|PBKDF2|SCRAM)/.test(name);
      for (const suffix of costly ? [''] : ['', '.b64', '.hex']) {
        const stored = await hashPassword('päss wörd', name + suffix);
        expect(stored).toMatch(new RegExp(`^\\{${name}${suffix}\\}`, 'i'));
        expect(await verify('päss wörd', stored)).toBe(true);
        expect(await verify('päss wörD', stored)).toBe(name === 'DES-CRYPT');
        expect(await verify('', stored)).toBe(false);
      }
    },
    60_000,
  );

  it.each(each)('%s never throws but Fault on any text', async (name) => {
    const { scheme } = findScheme(name);
    const text = fc.oneof(fc.string(), fc.stringMatching(/^\$(1|2y|5|6|argon2id)\$[a-z0-9=,$./]{0,40}$/));
    await fc.assert(
      fc.asyncProperty(text, async (hash) => {
        const verdict = Promise.resolve().then(() => scheme.verify('x', hash));
        const caught = await verdict.catch((error: unknown) => (error instanceof Fault ? false : Promise.reject(error)));
        if (hash !== 'x') expect(caught).toBe(false);
      }),
    );
  });
});

describe('refuses', () => {
  it.each([
    ['an unknown scheme', '{NONE}x'],
    ['an unknown form of crypt', '{CRYPT}$y$j9T$abc$def'],
    ['billions of rounds', '$6$rounds=999999999$saltstring$x'],
    ['bcrypt for days', `$2y$31$${'a'.repeat(53)}`],
    ['gibibytes', '$argon2id$v=19$m=4194304,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2g'],
  ])('%s', async (_, stored) => {
    await expect(verify('x', stored)).rejects.toThrow(expect.objectContaining({ kind: 'unsupported' }));
  });

  it('an empty field and NUL', async () => {
    expect(await verify('', '')).toBe(false);
    expect(await verify('', '', 'PLAIN')).toBe(false);
    expect(await verify('a\0b', '{PLAIN}a\0b')).toBe(false);
  });
});

it('mixes the address into DIGEST-MD5', async () => {
  expect(await verifyPassword('secret', '{DIGEST-MD5}30969131580e626606ce70ceaab77719', 'PLAIN', 'user@example.com')).toBe(true);
  expect(await verifyPassword('secret', '{DIGEST-MD5}30969131580e626606ce70ceaab77719', 'PLAIN', 'other@example.com')).toBe(false);
});

it.each([55, 56, 63, 64, 65, 200])('keeps HMAC-MD5 and MD5 right at %i octets', (length) => {
  const octets = randomBytes(length);
  const key = 'k'.repeat(length);
  expect(hmacMd5(hmacState(key), octets)).toEqual(createHmac('md5', key).update(octets).digest());
});

it('recognises shapes', () => {
  expect(recognise('$6$a$b', 'PLAIN').scheme.name).toBe('SHA512-CRYPT');
  expect(recognise('{ssha256.HEX}ab', 'PLAIN')).toMatchObject({ scheme: { name: 'SSHA256' }, encoding: 'hex', hash: 'ab' });
  expect(recognise('secret', 'PLAIN').scheme.name).toBe('PLAIN');
  expect(parseScram('sha1', '1,a,b')).toBeNull();
});

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('openssl passwd', () => {
  const printable = fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ019 ./$é日')), minLength: 1, maxLength: 70 });
  it.each(['-6', '-5', '-1'])('%s agrees', async (flag) => {
    await fc.assert(
      fc.asyncProperty(printable, async (password) => {
        const stored = execFileSync('openssl', ['passwd', flag, '-stdin'], { input: `${password}\n` })
          .toString()
          .trim();
        expect(await verify(password, stored)).toBe(true);
      }),
      { numRuns: runs(10) },
    );
  });
});

const perl = spawnSync('perl', ['-e', 'print crypt("a", "aa")']);
describe.skipIf(perl.status !== 0 || perl.stdout.length !== 13)('crypt(3), by perl', () => {
  it.each(['DES-CRYPT', 'MD5-CRYPT', 'SHA256-CRYPT', 'SHA512-CRYPT', 'BLF-CRYPT'])('agrees on %s', async (name) => {
    for (const password of ['a', 'secret', 'exactly8', 'longer than sixteen octets', 'żółw', 'x'.repeat(100)]) {
      const stored = (await hashPassword(password, name)).replace(/^\{.*\}/, '');
      expect(execFileSync('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, stored]).toString()).toBe(stored);
    }
  });
});

describe.skipIf(spawnSync('doveadm', ['pw', '-l']).status !== 0)('doveadm pw', () => {
  const known = new Set(spawnSync('doveadm', ['pw', '-l']).stdout?.toString().trim().split(' '));
  it.each(schemes.map((scheme) => scheme.name))('reads and writes %s as we do', async (name) => {
    if (!known.has(name)) return;
    const stored = execFileSync('doveadm', ['pw', '-u', 'ann@example.com', '-s', name, '-p', 'se cret']).toString().trim();
    expect(await verifyPassword('se cret', stored, 'PLAIN', 'ann@example.com')).toBe(true);
    const ours = await hashPassword('se cret', name, 'ann@example.com');
    const said = spawnSync('doveadm', ['pw', '-u', 'ann@example.com', '-t', ours, '-p', 'se cret']);
    expect(said.stdout.toString()).toContain('(verified)');
  });
});
