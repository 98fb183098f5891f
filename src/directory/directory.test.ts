import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../db/open.ts';
import { splitAddress } from '../mail/address.ts';
import type { Expansion } from './directory.ts';
import { homeTemplate, splitSubaddress } from './home.ts';
import { parseQuota } from './names.ts';
import { type Directory, openDirectory } from './open.ts';

let dir: string;
let directory: Directory;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-directory-'));
  directory = openDirectory({
    file: join(dir, 'directory.sqlite'),
    home: '/var/mail/vmail/%d/%n',
    quota: 0,
    recipientDelimiter: '+',
    watchInterval: 50,
  });
});
afterEach(() => {
  directory.close();
  rmSync(dir, { recursive: true, force: true });
});

const haveSqlite = spawnSync('sqlite3', ['-version']).status === 0;
/** As a hand would: another process, while the directory is open. */
const byHand = (sql: string): void => {
  if (haveSqlite) {
    execFileSync('sqlite3', [join(dir, 'directory.sqlite')], { input: sql });
    return;
  }
  const script = `import { openDatabase } from ${JSON.stringify(new URL('../db/open.ts', import.meta.url).href)};
    openDatabase(process.argv[1]).exec(process.argv[2]);`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script, join(dir, 'directory.sqlite'), sql]);
};
const targets = ({ accounts, remote, failure }: Expansion): string[] => [
  ...accounts.map(({ account, detail }) => account.address + (detail === null ? '' : ` (${detail})`)),
  ...remote.map((to) => `${to.localPart}@${to.domain} remote`),
  ...(failure === null ? [] : [failure]),
];
const expand = async (address: string): Promise<string[]> => targets(await directory.expand(splitAddress(address)!));

/** a, b, c and off (disabled) @example.com; example.org stands for it; off.example is disabled. */
function someRows(): void {
  const { manage } = directory;
  manage.addDomain('example.com');
  manage.addDomain('example.org', 'example.com');
  manage.addDomain('off.example');
  for (const name of ['a', 'b', 'c', 'off']) manage.addUser(`${name}@example.com`, '{PLAIN}x');
  manage.addUser('x@off.example', '{PLAIN}x');
  manage.setUserEnabled('off@example.com', false);
  manage.setDomainEnabled('off.example', false);
}

describe('rows written by hand', () => {
  it('count at once, as the guides write them', async () => {
    expect(await directory.domain('example.com')).toBeNull();
    byHand(`INSERT INTO virtual_domains (name) VALUES ('example.com');
      INSERT INTO virtual_users (email, password) VALUES ('user1@example.com', '$6$salt$hash');`);
    expect(await directory.domain('EXAMPLE.com')).toEqual({ name: 'example.com', enabled: true, aliasOf: null });
    expect(await directory.account('User1@Example.COM')).toMatchObject({
      address: 'user1@example.com',
      password: '$6$salt$hash',
      enabled: true,
      home: '/var/mail/vmail/example.com/user1',
      quota: 0,
    });
    byHand(`INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'a@example.com', 'User1@example.com');`);
    expect(await expand('A@example.com')).toEqual(['user1@example.com']);
    byHand(`DELETE FROM virtual_aliases; UPDATE virtual_users SET quota = '1G', password = 'p';`);
    expect(await expand('a@example.com')).toEqual(['noSuchUser']);
    expect(await directory.account('user1@example.com')).toMatchObject({ quota: 2 ** 30, password: 'p' });
  });

  it('log in without a domain row, but get no mail, as with Postfix and Dovecot on these tables', async () => {
    byHand(`INSERT INTO virtual_users (email, password) VALUES ('user1@example.net', 'p');`);
    expect(await directory.account('user1@example.net')).toMatchObject({ enabled: true });
    expect(await expand('user1@example.net')).toEqual(['noSuchDomain']);
  });

  it('never lead out of the mail folder', async () => {
    byHand(`INSERT INTO virtual_domains (name) VALUES ('example.com'), ('..'), ('a/b');
      INSERT INTO virtual_users (email, password) VALUES ('../x@example.com', 'p'), ('..@example.com', 'p'), ('a/b@example.com', 'p'), ('x@..', 'p'), ('x@a/b', 'p'),
        ('n' || char(0) || 'x@example.com', 'p');`);
    for (const address of ['../x@example.com', '..@example.com', 'a/b@example.com', 'x@..', 'x@a/b', 'n\0x@example.com', '.@example.com']) {
      expect(await directory.account(address)).toBeNull();
      expect(await expand(address)).toEqual([expect.stringMatching(/^noSuch/)]);
    }
  });

  it('with a home of their own keep it', async () => {
    byHand(
      `INSERT INTO virtual_users (email, password, home) VALUES ('a@b.c', 'p', '/srv/a/'), ('b@b.c', 'p', '../x'), ('c@b.c', 'p', '/srv/../etc');`,
    );
    expect((await directory.account('a@b.c'))?.home).toBe('/srv/a');
    expect(await directory.account('b@b.c')).toBeNull();
    expect(await directory.account('c@b.c')).toBeNull();
  });

  it('are heard of by watchers', async () => {
    const heard: (string | null)[] = [];
    const stop = directory.watch((address) => heard.push(address));
    byHand(`INSERT INTO virtual_domains (name) VALUES ('example.com');`);
    await expect.poll(() => heard).toEqual([null]);
    directory.manage.addUser('a@example.com', 'p');
    expect(heard).toEqual([null, 'a@example.com']);
    stop();
    directory.manage.removeUser('a@example.com');
    expect(heard).toHaveLength(2);
  });

  it('named by their U-label are found by either', async () => {
    byHand(
      `INSERT INTO virtual_domains (name) VALUES ('bücher.example'); INSERT INTO virtual_users (email, password) VALUES ('a@bücher.example', 'p');`,
    );
    expect(await expand('a@bücher.example')).toEqual(['a@xn--bcher-kva.example']);
    expect(await expand('a@xn--bcher-kva.example')).toEqual(['a@xn--bcher-kva.example']);
  });

  it.each(['__proto__', 'constructor', 'tostring', '%', '_', "'"])('may be called %s', async (name) => {
    someRows();
    expect(await expand(`${name}@example.com`)).toEqual(['noSuchUser']);
    directory.manage.addUser(`${name}@example.com`, 'p');
    expect(await expand(`${name}@example.com`)).toEqual([`${name}@example.com`]);
  });
});

describe('expansion', () => {
  it('follows rows, commas, other aliases and other domains', async () => {
    someRows();
    byHand(`INSERT INTO virtual_aliases (domain_id, source, destination) VALUES
      (1, 'all@example.com', 'a@example.com'), (1, 'all@example.com', ' b@example.com , Ann@Elsewhere.Example,'), (1, 'all@example.com', 'more@example.com'),
      (1, 'more@example.com', 'c'), (1, 'more@example.com', 'a@example.com,none@example.com,|/bin/sh,/etc/passwd');`);
    expect(await expand('all@example.com')).toEqual(['a@example.com', 'b@example.com', 'c@example.com', 'Ann@elsewhere.example remote']);
  });

  it('prefers alias, account, subaddress, alias domain, catch-all', async () => {
    someRows();
    const { manage } = directory;
    expect(await expand('none@example.com')).toEqual(['noSuchUser']);
    expect(await expand('none@example.org')).toEqual(['noSuchUser']);
    manage.addAlias('@example.com', ['c@example.com']);
    expect(await expand('none@example.com')).toEqual(['c@example.com']);
    expect(await expand('a@example.com')).toEqual(['a@example.com']);
    expect(await expand('a+tag@example.com')).toEqual(['a@example.com (tag)']);
    expect(await expand('A+Tag@example.org')).toEqual(['a@example.com (tag)']);
    expect(await expand('+tag@example.com')).toEqual(['c@example.com']);
    manage.addUser('a+b@example.com', 'p');
    expect(await expand('a+b@example.com')).toEqual(['a+b@example.com']);
    manage.addAlias('a@example.com', ['b@example.com']);
    expect(await expand('a@example.com')).toEqual(['b@example.com']);
    expect(await expand('a+tag@example.org')).toEqual(['b@example.com (tag)']);
    manage.addAlias('a@example.com', ['a@example.com', 'Z@Far.example']);
    expect(await expand('a+tag@example.com')).toEqual(['b@example.com (tag)', 'a@example.com (tag)', 'Z+tag@far.example remote']);
    manage.addAlias('@example.org', ['@far.example']);
    expect(await expand('a@example.org')).toEqual(['b@example.com', 'a@example.com', 'Z@far.example remote']);
  });

  it('maps a whole domain by catch-all', async () => {
    directory.manage.addDomain('old.example');
    directory.manage.addAlias('@old.example', ['@new.example']);
    expect(await expand('Ann@old.example')).toEqual(['ann@new.example remote']);
  });

  it('ends loops at the account, or says so', async () => {
    someRows();
    const { manage } = directory;
    manage.addAlias('l1@example.com', ['l2@example.com']);
    manage.addAlias('l2@example.com', ['l1@example.com']);
    expect(await expand('l1@example.com')).toEqual(['loop']);
    manage.addAlias('l2@example.com', ['a@example.com']);
    expect(await expand('l1@example.com')).toEqual(['a@example.com']);
    manage.addAlias('a@example.com', ['b@example.com']);
    manage.addAlias('b@example.com', ['a@example.com']);
    expect(await expand('a@example.com')).toEqual(['a@example.com']);
    manage.addDomain('d1.example');
    manage.addDomain('d2.example', 'd1.example');
    byHand(`UPDATE virtual_domains SET alias_of = 'd2.example' WHERE name = 'd1.example'`);
    expect(await expand('a@d1.example')).toEqual(['loop']);
  });

  it('knows what is off', async () => {
    someRows();
    expect(await expand('off@example.com')).toEqual(['accountDisabled']);
    expect(await expand('x@off.example')).toEqual(['accountDisabled']);
    expect((await directory.account('x@off.example'))?.enabled).toBe(false);
    byHand(
      `INSERT INTO virtual_aliases (source, destination, enabled) VALUES ('n@example.com', 'a@example.com', 0), ('m@example.com', 'off@example.com', 1)`,
    );
    expect(await expand('n@example.com')).toEqual(['noSuchUser']);
    expect(await expand('m@example.com')).toEqual(['accountDisabled']);
  });

  it('is bounded in depth and breadth', async () => {
    directory.manage.addDomain('example.com');
    byHand(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
      INSERT INTO virtual_aliases (source, destination) SELECT 'd' || i || '@example.com', 'd' || (i + 1) || '@example.com' FROM n
      UNION ALL SELECT 'wide@example.com', 'u' || i || '@far.example' FROM n
      UNION ALL SELECT 'thousand@example.com', 'u' || i || '@far.example' FROM n WHERE i < 1000
      UNION ALL SELECT 'd1101@example.com', 'u@far.example'`);
    expect(await expand('d0@example.com')).toEqual(['loop']);
    expect(await expand('d1005@example.com')).toEqual(['u@far.example remote']);
    expect(await expand('wide@example.com')).toEqual(['loop']);
    expect(await expand('thousand@example.com')).toHaveLength(1000);
  });

  it('tells its steps', async () => {
    someRows();
    directory.manage.addAlias('team@example.com', ['a@example.com']);
    const { steps } = await directory.expand(splitAddress('team+x@example.org')!);
    expect(steps.map(({ from, rule, to }) => `${from} ${rule} ${to}`)).toEqual([
      'team+x@example.org alias domain team+x@example.com',
      'team+x@example.com subaddress team@example.com',
      'team@example.com alias a@example.com',
      'a@example.com account /var/mail/vmail/example.com/a',
    ]);
  });

  it('never throws and never finds an account of another address by chance', async () => {
    someRows();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }), async (localPart) => {
        const expansion = await directory.expand({ localPart, domain: 'example.com' });
        for (const { account } of expansion.accounts) {
          expect(localPart.toLowerCase().split('+')[0]).toBe(account.address.split('@')[0]);
        }
      }),
    );
  });
});

describe('maySendAs', () => {
  it('allows own address, subaddresses, and aliases that lead there', async () => {
    someRows();
    directory.manage.addAlias('team@example.com', ['a@example.com', 'b@example.com']);
    const account = (await directory.account('a@example.com'))!;
    const may = (address: string) => directory.maySendAs(account, splitAddress(address)!);
    for (const good of ['a@example.com', 'A@EXAMPLE.COM', 'a+x@example.com', 'a@example.org', 'team@example.com', 'team+x@example.org']) {
      expect([good, await may(good)]).toEqual([good, true]);
    }
    for (const bad of ['b@example.com', 'c@example.com', 'none@example.com', 'a@elsewhere.example', 'a@off.example']) {
      expect([bad, await may(bad)]).toEqual([bad, false]);
    }
    directory.manage.addAlias('a@example.com', ['b@example.com']);
    expect(await may('a@example.com')).toBe(true);
  });
});

it('looks rows up by index', () => {
  const db = openDatabase(join(dir, 'directory.sqlite'));
  const plan = (sql: string): string => db.prepare<[string], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).get('x')!.detail;
  expect(plan('SELECT name FROM virtual_domains WHERE name = ?')).toMatch(/^SEARCH .* USING .*INDEX/);
  expect(plan('SELECT id FROM virtual_users WHERE email = ?')).toMatch(/^SEARCH .* USING .*INDEX/);
  expect(plan('SELECT destination FROM virtual_aliases WHERE source = ? AND enabled <> 0 ORDER BY id')).toMatch(/^SEARCH .* USING INDEX/);
  db.close();
});

describe('management', () => {
  it.each([
    ['user without domain', () => directory.manage.addUser('a@none.example', 'p'), 'noSuchDomain'],
    ['no address', () => directory.manage.addUser('nobody', 'p'), 'syntax'],
    ['two @', () => directory.manage.addUser('a@b@example.com', 'p'), 'syntax'],
    ['a space', () => directory.manage.addUser('a b@example.com', 'p'), 'syntax'],
    ['a dot at the end', () => directory.manage.addUser('a.@example.com', 'p'), 'syntax'],
    ['a path', () => directory.manage.addUser('../x@example.com', 'p'), 'syntax'],
    ['a slash', () => directory.manage.addUser('x/y@example.com', 'p'), 'badName'],
    ['65 octets', () => directory.manage.addUser(`${'x'.repeat(65)}@example.com`, 'p'), 'syntax'],
    ['user twice', () => directory.manage.addUser('A@EXAMPLE.com', 'p'), 'mailboxExists'],
    ['domain twice', () => directory.manage.addDomain('Example.Com'), 'mailboxExists'],
    ['no domain', () => directory.manage.addDomain('exa mple'), 'syntax'],
    ['a hyphen first', () => directory.manage.addDomain('-a.example'), 'syntax'],
    ['domain in use', () => directory.manage.removeDomain('example.com'), 'inUse'],
    ['unknown domain', () => directory.manage.removeDomain('none.example'), 'noSuchDomain'],
    ['unknown user', () => directory.manage.removeUser('none@example.com'), 'noSuchUser'],
    ['alias elsewhere', () => directory.manage.addAlias('a@none.example', ['b@example.com']), 'noSuchDomain'],
    ['alias to nothing', () => directory.manage.addAlias('x@example.com', ['nothing']), 'syntax'],
    ['unknown alias', () => directory.manage.removeAlias('x@example.com'), 'noSuchUser'],
    ['unknown destination', () => directory.manage.removeAlias('x@example.com', ['y@example.com']), 'noSuchUser'],
  ])('refuses %s', (_, work, kind) => {
    someRows();
    expect(work).toThrow(expect.objectContaining({ kind }));
  });

  it('lists and removes', () => {
    someRows();
    const { manage } = directory;
    manage.addAlias('t@example.com', ['a@example.com,B@Far.Example']);
    expect(manage.aliases('example.com').map((row) => row.destination)).toEqual(['a@example.com', 'B@far.example']);
    expect(manage.domains()).toContainEqual({ name: 'example.com', enabled: true, aliasOf: null, accounts: 4, aliases: 2 });
    expect(manage.users('off.example').map((row) => row.email)).toEqual(['x@off.example']);
    manage.removeAlias('t@example.com', ['b@far.example']);
    manage.removeAlias('t@example.com');
    expect(manage.aliases()).toEqual([]);
    manage.removeDomain('example.com', true);
    expect(manage.users().map((row) => row.email)).toEqual(['x@off.example']);
  });
});

describe('home', () => {
  it.each(['relative/%n', '/x/%h', '/x/%', '/x/../%n', '/%Lu'])('refuses the template %s', (template) => {
    expect(() => homeTemplate(template)).toThrow(expect.objectContaining({ kind: 'syntax' }));
  });

  it('stays below its folder whatever the address', () => {
    const templates = ['/m/%d/%n', '/m/%u', '/m/%d/.%n', '/m/x%n%%/%n', '/m/.%d%n'].map(homeTemplate);
    const part = fc.oneof(fc.constantFrom('.', '..', '../x', 'a/b', '\0', 'a\0', 'a', '%n'), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(fc.constantFrom(...templates), part, part, (home, localPart, domain) => {
        const path = home({ localPart, domain });
        if (path === null) return;
        expect(path).toMatch(/^\/m\/[^\0]+$/);
        expect(path.split('/').some((name) => name === '..' || name === '.' || Buffer.byteLength(name) > 255)).toBe(false);
        expect(path.split('/').length).toBeLessThanOrEqual(4);
      }),
    );
  });

  it('cuts at the first delimiter', () => {
    expect(splitSubaddress('a+b+c', '+')).toEqual({ base: 'a', detail: 'b+c' });
    expect(splitSubaddress('a-b+c', '+-')).toEqual({ base: 'a', detail: 'b+c' });
    expect(splitSubaddress('+b', '+')).toBeNull();
    expect(splitSubaddress('a+b', '')).toBeNull();
  });
});

it.each([
  ['1G', 2 ** 30],
  ['500M', 500 * 2 ** 20],
  ['1.5k', 1536],
  ['10 MiB', 10 * 2 ** 20],
  ['1048576', 1048576],
  ['0', 0],
  ['none', 0],
])('reads the quota %s', (text, octets) => {
  expect(parseQuota(text)).toBe(octets);
});
