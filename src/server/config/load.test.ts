import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { scratch } from '../../../test/support/scratch.ts';
import { ConfigError } from './error.ts';
import { keyLines } from './lines.ts';
import { loadConfig } from './load.ts';
import { nearest } from './nearest.ts';
import { settingNames, settingRow } from './settings.ts';
import { showConfig } from './show.ts';

function inFile(toml: string, env: Record<string, string> = {}) {
  const cwd = scratch('config');
  writeFileSync(join(cwd, 'postcote.toml'), toml);
  return { cwd, load: () => loadConfig({ cwd, env }) };
}

function problems(toml: string, env: Record<string, string> = {}): readonly string[] {
  try {
    inFile(toml, env).load();
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('falls back to everything under ./var when there is no file', () => {
    const cwd = scratch('config');
    const { config, file } = loadConfig({ cwd, env: {} });
    expect(file).toBeNull();
    expect(config.data_dir).toBe(join(cwd, 'var'));
    expect(config['mail.home']).toBe(join(cwd, 'var/mail/%d/%n'));
    expect(config['listen.imap']).toEqual(['127.0.0.1:2143']);
    expect(config['listen.lmtp']).toEqual([]);
  });

  it('reads the contract', () => {
    const { load, cwd } = inFile(`
hostname = "mail.example.com"
data_dir = "data"   # relative to the file
[mail]
message_size_limit = "50M"
separator = "."
[listen]
smtp = ["*:25", "[::1]:2525"]
lmtp = []
[relay]
max_queue_lifetime = "5d"
transport = { "example.org" = "[192.0.2.1]:25" }
[[tls.sni]]
name = "b.example"
certificate = "b.pem"
`);
    const { config, where } = load();
    expect(config).toMatchObject({
      hostname: 'mail.example.com',
      data_dir: join(cwd, 'data'),
      'mail.message_size_limit': 52_428_800,
      'mail.separator': '.',
      'listen.smtp': ['*:25', '[::1]:2525'],
      'relay.max_queue_lifetime': 432_000_000,
      'relay.transport': { 'example.org': '[192.0.2.1]:25' },
      'tls.sni': [{ name: 'b.example', certificate: join(cwd, 'b.pem'), key: '' }],
    });
    expect(where('mail.separator')).toBe('./postcote.toml:6');
    expect(where('auth.mechanisms')).toBeNull();
  });

  it.each([
    ['hostnam = "a"', './postcote.toml:1: hostnam: unknown setting; did you mean hostname?'],
    ['[smtp]\n\nbaner = "a"', './postcote.toml:3: smtp.baner: unknown setting; did you mean smtp.banner?'],
    ['mynetworks = []', './postcote.toml:1: mynetworks: unknown setting; did you mean smtp.mynetworks?'],
    ['workers = 0', './postcote.toml:1: workers: wants a whole number from 1 to 256, not 0'],
    ['workers = "two"', './postcote.toml:1: workers: wants a whole number from 1 to 256, not "two"'],
    [
      '[listen]\nsmtp = ["mail.example.com:25"]',
      './postcote.toml:2: listen.smtp: wants an IP address, "localhost" or "*" before the port, not "mail.example.com"',
    ],
    ['[listen]\nsmtp = ["*:1"]\nimap = ["*:1"]', './postcote.toml:3: listen.imap: *:1 is taken by listen.smtp'],
    ['a = [', './postcote.toml:1: not TOML'],
    ['[mail]\nhome = "/var/mail"', './postcote.toml:2: mail.home: wants %u, or %d and %n'],
    ['[__proto__]\nx = 1', './postcote.toml:2: __proto__.x: unknown setting'],
    ['constructor = 1', './postcote.toml:1: constructor: unknown setting'],
  ])('says what is wrong with %s', (toml, line) => {
    expect(problems(toml)[0]).toContain(line);
  });

  it('takes the environment over the file', () => {
    const env = {
      POSTCOTE_LISTEN__SMTP: '127.0.0.1:2525, [::1]:2525',
      POSTCOTE_MAIL__HOME: '/m/%u',
      POSTCOTE_AUTH__ALLOW_CLEARTEXT: 'yes',
      POSTCOTE_SMTP__CLIENT_RESTRICTIONS: 'check_client_access inline:{a=OK, b=REJECT}, permit',
    };
    const { config, where } = inFile('[listen]\nsmtp = ["*:25"]', env).load();
    expect(config['listen.smtp']).toEqual(['127.0.0.1:2525', '[::1]:2525']);
    expect(config['mail.home']).toBe('/m/%u');
    expect(config['auth.allow_cleartext']).toBe(true);
    expect(config['smtp.client_restrictions']).toEqual(['check_client_access inline:{a=OK, b=REJECT}', 'permit']);
    expect(where('listen.smtp')).toBe('environment POSTCOTE_LISTEN__SMTP');
    expect(problems('', { POSTCOTE_LISTEN__SMPT: 'x' })).toEqual([
      'environment POSTCOTE_LISTEN__SMPT: listen.smpt: unknown setting; did you mean POSTCOTE_LISTEN__SMTP?',
    ]);
  });

  it('wants a file that was named', () => {
    expect(() => loadConfig({ file: '/nowhere/x.toml', env: {} })).toThrow('/nowhere/x.toml: no such file');
    expect(() => loadConfig({ env: { POSTCOTE_CONFIG: '/nowhere/y.toml' } })).toThrow('/nowhere/y.toml: no such file');
  });

  it('shows what it reads: the shown TOML gives the same configuration', () => {
    const { cwd, load } = inFile('[relay]\ndelay_warning_time = "90s"\n[mail]\nquota = "1G"');
    const loaded = load();
    writeFileSync(join(cwd, 'postcote.toml'), showConfig(loaded, false).join('\n'));
    expect(loadConfig({ cwd, env: {} }).config).toEqual(loaded.config);
    expect(showConfig(loaded, true)).toEqual(['[mail]', 'quota = 1073741824', '', '[relay]', 'delay_warning_time = "90s"']);
  });

  it('formats every default so that it reads back', () => {
    for (const name of settingNames) {
      const { type, default: value } = settingRow(name);
      expect(type.parse((parse(`v = ${type.format(value)}`) as { v: unknown }).v), name).toEqual(value);
    }
  });

  it('never fails but with ConfigError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...settingNames), fc.jsonValue(), (name, value) => {
        try {
          loadConfig({ values: { [name]: value }, env: {} });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
    );
  });
});

describe('keyLines', () => {
  it('finds keys behind lists, strings and tables that span lines', () => {
    const lines = keyLines('a = """\nb = 1\n"""\nc = [\n  "[x]",\n] # ]\n[t."q.r"]\nd.e = { f = 1 }\n');
    expect(Object.fromEntries(lines)).toEqual({ a: 1, c: 4, 't.q.r': 7, 't.q.r.d.e': 8 });
  });
});

describe('nearest', () => {
  it.each([
    ['hostnmae', 'hostname'],
    ['mail.quote', 'mail.quota'],
    ['zzzzzzzzzz', null],
    ['mail.quota'.repeat(100_000), null],
  ])('%s → %s', (word, near) => {
    expect(nearest(word, settingNames)).toBe(near);
  });
});
