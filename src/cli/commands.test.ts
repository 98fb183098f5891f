import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { scratch } from '../../test/support/scratch.ts';

// As it is used: vitest.config.ts has it built.
const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Exit code and what was printed, wherever. */
function say(words: string[], toml: string, env: Record<string, string> = {}): string {
  const file = join(scratch('config-command'), 'postcote.toml');
  writeFileSync(file, toml);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--config', file, ...words], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return `${status} ${(stdout + stderr).trim().replaceAll(file, 'FILE')}`;
}

it('checks: silent when good, a warning for what is not served, 78 when wrong', () => {
  expect(say(['config', 'check'], '')).toBe('0 ');
  expect(say(['config', 'check'], '[listen]\nmanagesieve = []\n')).toBe('0 ');
  const unserved = 'listen.managesieve: ManageSieve is not served by this version: nothing listens there';
  expect(say(['config', 'check'], '[listen]\nmanagesieve = ["*:4190"]\n')).toBe(`0 postcote: FILE:2: ${unserved}`);
  expect(say(['config', 'check'], '', { POSTCOTE_LISTEN__MANAGESIEVE: '*:4190' })).toBe(
    `0 postcote: environment POSTCOTE_LISTEN__MANAGESIEVE: ${unserved}`,
  );
  expect(say(['config', 'check'], '[auth]\nmechanisms = ["NONE"]\n')).toMatch(/^78 FILE:2: auth\.mechanisms: /);
});

it.skipIf(process.getuid?.() !== 0)('a run_as that nobody is is 78, in one line (root only)', () => {
  expect(say(['domain', 'list'], 'run_as = "nobodyhere"\n')).toBe(
    '78 FILE:1: run_as: no user "nobodyhere"; make it (useradd --system nobodyhere) or use a number',
  );
});

it('says what cannot be looked at, and not that it is empty', () => {
  const dir = scratch('config-command');
  symlinkSync(join(dir, 'data'), join(dir, 'data'));
  const toml = `data_dir = "${dir}/data"\n`;
  for (const words of ['mailq', 'queue flush', 'trace ann@example.com', 'dns example.com']) {
    expect(`${words}: ${say(words.split(' '), toml)}`).toMatch(new RegExp(`^${words}: 74 postcote: ELOOP: .*$`));
  }
});

it('has clients not look for what is not served', () => {
  expect(say(['dns', 'example.com'], 'hostname = "mail.example.com"\n[listen]\nmanagesieve = ["*:4190"]\n')).toMatch(
    /_sieve\._tcp\.example\.com\.\s+(?:\d+\s+)?(?:IN\s+)?SRV\s+0 0 0 \./,
  );
});
