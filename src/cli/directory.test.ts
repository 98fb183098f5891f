import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDirectory } from '../directory/open.ts';

// As it is used: vitest.config.ts has it built.
const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-cli-'));
  writeFileSync(join(dir, 'postcote.toml'), `data_dir = "${dir}/data"\n[mail]\nhome = "${dir}/mail/%d/%n"\n`);
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const run = (words: string, input = ''): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [program, '--config', join(dir, 'postcote.toml'), ...words.split(' ')], { input, encoding: 'utf8' });
/** Exit code and what was printed, wherever. */
const say = (words: string, input = ''): string => {
  const { status, stdout, stderr } = run(words, input);
  return `${status} ${(stdout + stderr).trim()}`;
};

it('makes an account that can be found, logged in to, aliased, closed and removed', () => {
  expect(say('user add ann@example.com --password-stdin', 'secret\n')).toMatch(
    /^67 postcote: example.com is not a domain here: add it first/,
  );
  expect(say('domain add Example.com')).toBe('0 example.com added');
  expect(say('domain add example.com')).toBe('73 postcote: example.com is a domain here already');
  expect(say('user add Ann@example.com --password-stdin --quota 1G', 'secret\n')).toBe('0 ann@example.com added');
  expect(statSync(join(dir, 'data/directory.sqlite')).mode & 0o777).toBe(0o600);
  expect(say('auth test ann@example.com secret')).toMatch(/^0 passdb: ann@example.com auth succeeded\n/);
  expect(say('auth test ANN@example.com', 'secret\n')).toMatch(/^0 .*auth succeeded/);
  expect(say('auth test ann@example.com wrong')).toBe('77 passdb: ann@example.com auth failed');
  expect(say('auth test none@example.com wrong')).toBe('77 passdb: none@example.com auth failed');
  expect(say('alias add team@example.com ann@example.com bob@far.example')).toMatch(/^0 /);
  expect(say('lookup team@example.com')).toMatch(
    /^0 team@example.com\talias\tann@example.com\n[\s\S]*mailbox\tann@example.com\t.*\nremote\tbob@far.example$/,
  );
  expect(say('lookup none@example.com')).toMatch(/^1 [\s\S]*no such user here/);
  expect(JSON.parse(run('user list --json').stdout)).toEqual([
    { address: 'ann@example.com', enabled: true, home: `${dir}/mail/example.com/ann`, quota: 2 ** 30 },
  ]);
  expect(say('user passwd ann@example.com --password-stdin', 'other\n')).toMatch(/^0 /);
  expect(say('auth test ann@example.com secret')).toMatch(/^77 /);
  expect(say('user disable ann@example.com')).toBe('0 ann@example.com disabled');
  expect(say('auth test ann@example.com other')).toMatch(/^77 /);
  expect(say('user enable ann@example.com')).toBe('0 ann@example.com enabled');
  expect(say('domain rm example.com')).toMatch(/^75 postcote: example.com still has 1 accounts and 2 aliases/);
  expect(say('alias rm team@example.com bob@far.example')).toMatch(/^0 /);
  expect(say('alias list')).toBe('0 team@example.com\tann@example.com');
  expect(say('user rm ann@example.com')).toBe('0 ann@example.com removed');
  expect(say('user rm ann@example.com')).toMatch(/^67 /);
  expect(say('domain rm example.com --force')).toBe('0 example.com removed');
  expect(say('domain list')).toBe('0 ');
}, 120_000);

it('changes what an open server sees at once', async () => {
  const directory = openDirectory({ file: join(dir, 'data/directory.sqlite'), home: '/mail/%d/%n', quota: 0, recipientDelimiter: '+' });
  try {
    expect(await directory.account('ann@example.com')).toBeNull();
    run('domain add example.com');
    run('user add ann@example.com --password-hash {PLAIN}x');
    expect(await directory.account('ann@example.com')).toMatchObject({ password: '{PLAIN}x' });
  } finally {
    directory.close();
  }
});

it('says what is wrong', () => {
  expect(say('user add nobody --password-stdin', 'x\n')).toMatch(/^65 postcote: "nobody" is no address/);
  expect(say('user add a@example.com --password-stdin', '\n')).toBe('65 the password is empty');
  expect(say('user add a@example.com')).toMatch(/^64 no terminal/);
  expect(say('user add a@example.com --password-hash {NONE}x')).toMatch(/^64 postcote: unknown password scheme "NONE"/);
  expect(say('user add a@example.com --password-hash {PLAIN}x --quota much')).toMatch(/^65 postcote: "much" is no size/);
  expect(say('user add')).toMatch(/^64 /);
  expect(say('lookup nobody')).toMatch(/^65 /);
}, 60_000);

it('makes and tests stored passwords', () => {
  expect(say('pw --list')).toMatch(/^0 SHA512-CRYPT .*\bPLAIN CLEAR CLEARTEXT$/);
  const stored = run('pw -s SHA256-CRYPT -p secret').stdout.trim();
  expect(stored).toMatch(/^\{SHA256-CRYPT\}\$5\$/);
  expect(run('pw', 'secret\n').stdout).toMatch(/^\{SHA512-CRYPT\}\$6\$/);
  expect(say(`pw --test ${stored} -p secret`)).toBe(`0 ${stored} (verified)`);
  expect(say(`pw -t ${stored}`, 'wrong\n')).toBe(`77 ${stored} (not verified)`);
  expect(say('pw -s NONE -p x')).toMatch(/^64 /);
}, 60_000);

it('checks the aliases file and follows it', () => {
  const file = join(dir, 'aliases');
  writeFileSync(
    join(dir, 'postcote.toml'),
    `hostname = "mail.example.com"\ndata_dir = "${dir}/data"\n[mail]\nhome = "${dir}/mail/%d/%n"\n[local]\naliases = "${file}"\n`,
  );
  expect(say('newaliases')).toBe('0 ');
  writeFileSync(file, 'root: x@far.example\nbad line\n');
  expect(say('newaliases')).toBe(`65 ${file}:2: wanted \`name: target, …\``);
  expect(say('sendmail -bi')).toMatch(/^65 /);
  expect(say('lookup root@mail.example.com')).toMatch(/^0 root@mail.example.com\talias\tx@far.example\n/);
  writeFileSync(file, 'root: x@far.example\n');
  expect(say('newaliases')).toBe('0 ');
}, 60_000);
