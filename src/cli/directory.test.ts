import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openDirectory } from '../directory/open.ts';
import { main } from './main.ts';

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

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a process of its own. */
const runApart = (words: string): Ran =>
  spawnSync(process.execPath, [program, '--config', join(dir, 'postcote.toml'), ...words.split(' ')], { encoding: 'utf8' });

/** In this process: to start one takes many times as long as what it is to do. */
async function run(words: string, input = ''): Promise<Ran> {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += String(text);
      return true;
    });
  }
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin);
  try {
    await main([process.execPath, program, '--config', join(dir, 'postcote.toml'), ...words.split(' ')]);
    return { status: Number(process.exitCode ?? 0), ...said };
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  }
}

/** Exit code and what was printed, wherever. */
async function say(words: string, input = ''): Promise<string> {
  const { status, stdout, stderr } = await run(words, input);
  return `${status} ${(stdout + stderr).trim()}`;
}

it('makes an account that can be found, logged in to, aliased, closed and removed', async () => {
  expect(await say('user add ann@example.com --password-stdin', 'secret\n')).toMatch(
    /^67 postcote: example.com is not a domain here: add it first/,
  );
  expect(await say('domain add Example.com')).toBe('0 example.com added');
  expect(await say('domain add example.com')).toBe('73 postcote: example.com is a domain here already');
  expect(await say('user add Ann@example.com --password-stdin --quota 1G', 'secret\n')).toBe('0 ann@example.com added');
  expect(statSync(join(dir, 'data/directory.sqlite')).mode & 0o777).toBe(0o600);
  expect(await say('auth test ann@example.com secret')).toMatch(/^0 passdb: ann@example.com auth succeeded\n/);
  expect(await say('auth test ANN@example.com', 'secret\n')).toMatch(/^0 .*auth succeeded/);
  expect(await say('auth test ann@example.com wrong')).toBe('77 passdb: ann@example.com auth failed');
  expect(await say('auth test none@example.com wrong')).toBe('77 passdb: none@example.com auth failed');
  expect(runApart('auth test none@example.com wrong')).toMatchObject({ status: 77, stdout: 'passdb: none@example.com auth failed\n' });
  expect(await say('alias add team@example.com ann@example.com bob@far.example')).toMatch(/^0 /);
  expect(await say('lookup team@example.com')).toMatch(
    /^0 team@example.com\talias\tann@example.com\n[\s\S]*mailbox\tann@example.com\t.*\nremote\tbob@far.example$/,
  );
  expect(await say('lookup none@example.com')).toMatch(/^1 [\s\S]*no such user here/);
  expect(JSON.parse((await run('user list --json')).stdout)).toEqual([
    { address: 'ann@example.com', enabled: true, home: `${dir}/mail/example.com/ann`, quota: 2 ** 30 },
  ]);
  expect(await say('user passwd ann@example.com --password-stdin', 'other\n')).toMatch(/^0 /);
  expect(await say('auth test ann@example.com secret')).toMatch(/^77 /);
  expect(await say('user disable ann@example.com')).toBe('0 ann@example.com disabled');
  expect(await say('auth test ann@example.com other')).toMatch(/^77 /);
  expect(await say('user enable ann@example.com')).toBe('0 ann@example.com enabled');
  expect(await say('domain rm example.com')).toMatch(/^75 postcote: example.com still has 1 accounts and 2 aliases/);
  expect(await say('alias rm team@example.com bob@far.example')).toMatch(/^0 /);
  expect(await say('alias list')).toBe('0 team@example.com\tann@example.com');
  expect(await say('user rm ann@example.com')).toBe('0 ann@example.com removed');
  expect(await say('user rm ann@example.com')).toMatch(/^67 /);
  expect(await say('domain rm example.com --force')).toBe('0 example.com removed');
  expect(await say('domain list')).toBe('0 ');
});

it('changes what an open server sees at once', async () => {
  const directory = openDirectory({ file: join(dir, 'data/directory.sqlite'), home: '/mail/%d/%n', quota: 0, recipientDelimiter: '+' });
  try {
    expect(await directory.account('ann@example.com')).toBeNull();
    expect(runApart('domain add example.com')).toMatchObject({ status: 0, stdout: 'example.com added\n' });
    expect(runApart('user add ann@example.com --password-hash {PLAIN}x').status).toBe(0);
    expect(await directory.account('ann@example.com')).toMatchObject({ password: '{PLAIN}x' });
  } finally {
    directory.close();
  }
});

it('says what is wrong', async () => {
  expect(await say('user add nobody --password-stdin', 'x\n')).toMatch(/^65 postcote: "nobody" is no address/);
  expect(await say('user add a@example.com --password-stdin', '\n')).toBe('65 the password is empty');
  expect(await say('user add a@example.com')).toMatch(/^64 no terminal/);
  expect(await say('user add a@example.com --password-hash {NONE}x')).toMatch(/^64 postcote: unknown password scheme "NONE"/);
  expect(await say('user add a@example.com --password-hash {PLAIN}x --quota much')).toMatch(/^65 postcote: "much" is no size/);
  expect(await say('user add')).toMatch(/^64 /);
  expect(await say('lookup nobody')).toMatch(/^65 /);
});

it('makes and tests stored passwords', async () => {
  expect(await say('pw --list')).toMatch(/^0 SHA512-CRYPT .*\bPLAIN CLEAR CLEARTEXT$/);
  const stored = (await run('pw -s SHA256-CRYPT -p secret')).stdout.trim();
  expect(stored).toMatch(/^\{SHA256-CRYPT\}\$5\$/);
  expect((await run('pw', 'secret\n')).stdout).toMatch(/^\{SHA512-CRYPT\}\$6\$/);
  expect(await say(`pw --test ${stored} -p secret`)).toBe(`0 ${stored} (verified)`);
  expect(await say(`pw -t ${stored}`, 'wrong\n')).toBe(`77 ${stored} (not verified)`);
  expect(await say('pw -s NONE -p x')).toMatch(/^64 /);
});

it('checks the aliases file and follows it', async () => {
  const file = join(dir, 'aliases');
  writeFileSync(
    join(dir, 'postcote.toml'),
    `hostname = "mail.example.com"\ndata_dir = "${dir}/data"\n[mail]\nhome = "${dir}/mail/%d/%n"\n[local]\naliases = "${file}"\n`,
  );
  expect(await say('newaliases')).toBe('0 ');
  writeFileSync(file, 'root: x@far.example\nbad line\n');
  expect(await say('newaliases')).toBe(`65 ${file}:2: wanted \`name: target, …\``);
  expect(await say('sendmail -bi')).toMatch(/^65 /);
  expect(await say('lookup root@mail.example.com')).toMatch(/^0 root@mail.example.com\talias\tx@far.example\n/);
  writeFileSync(file, 'root: x@far.example\n');
  expect(await say('newaliases')).toBe('0 ');
});
