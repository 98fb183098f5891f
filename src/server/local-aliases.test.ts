import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/server.ts';
import { silentLog } from '../base/log.ts';
import type { Account, DirectorySource, Expansion } from '../directory/directory.ts';
import { formatAddress, splitAddress } from '../mail/address.ts';
import { type LocalAliases, localAliases } from './local-aliases.ts';

const ann = { id: 1, address: 'ann@example.com', password: '', enabled: true, home: '/x', quota: 0 } as unknown as Account;
const nobody = (failure: Expansion['failure']): Expansion => ({ accounts: [], remote: [], failure, steps: [] });
const directory: DirectorySource = {
  domain: async (name) => (name === 'example.com' ? { name, enabled: true, aliasOf: null } : null),
  account: async () => null,
  expand: async ({ localPart, domain }) => {
    if (domain !== 'example.com') return nobody('noSuchDomain');
    return localPart === 'ann' ? { ...nobody(null), accounts: [{ account: ann, detail: null }] } : nobody('noSuchUser');
  },
  maySendAs: async () => false,
  watch: () => () => {},
  close: () => {},
};

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let allowCommands = false;
let on = true;
let aliases: LocalAliases;
let layered: DirectorySource;
beforeAll(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'aliases');
  aliases = localAliases({
    hostname: 'mail.example.com',
    settings: () => ({ file: on ? file : '', allowCommands, recipientDelimiter: '+' }),
    log: silentLog,
  });
  layered = aliases.over(directory);
});
afterAll(() => folder.remove());

async function leads(name: string): Promise<string[] | string> {
  const { accounts, remote, failure } = await layered.expand(splitAddress(`${name}@mail.example.com`)!);
  return failure ?? [...accounts.map(({ account }) => account.address), ...remote.map(formatAddress)];
}

describe('names of this host', () => {
  it('are nobody while there is no file, and the host still ours', async () => {
    expect(await leads('root')).toBe('noSuchUser');
    expect(await layered.domain('MAIL.example.com')).toMatchObject({ name: 'mail.example.com' });
    on = false;
    expect(await leads('root')).toBe('noSuchDomain');
    expect(await layered.domain('mail.example.com')).toBeNull();
    on = true;
  });

  it('lead to accounts, other servers and names; the file is read again when it changed', async () => {
    writeFileSync(file, 'postmaster: root\nroot: ann@example.com, x@elsewhere.example\nlost: gone@example.com, nobody\n');
    expect(await leads('Postmaster')).toEqual(['ann@example.com', 'x@elsewhere.example']);
    expect(await leads('root+detail')).toEqual(['ann@example.com', 'x@elsewhere.example']);
    expect(await leads('lost')).toBe('noSuchUser');
    writeFileSync(file, 'root: ann@example.com\n');
    expect(await leads('root')).toEqual(['ann@example.com']);
    expect(await leads('postmaster')).toBe('noSuchUser');
  });

  it('end where they go in circles', async () => {
    writeFileSync(file, 'a: b\nb: a@mail.example.com\nc: c, ann@example.com\n');
    expect(await leads('a')).toBe('loop');
    expect(await leads('c')).toEqual(['ann@example.com']);
  });

  it('lead to lists, which have no commands', async () => {
    const list = join(folder.path, 'list');
    writeFileSync(file, `staff: :include:${list}\nboth: :include:${folder.path}/nowhere, ann@example.com\n`);
    writeFileSync(list, `# staff\nann@example.com\nx@elsewhere.example\n|/bin/true\n:include:${list}\n`);
    allowCommands = true;
    expect(await leads('staff')).toEqual(['ann@example.com', 'x@elsewhere.example']);
    expect(await leads('both')).toEqual(['ann@example.com']);
    rmSync(list);
    expect(await leads('staff')).toBe('noSuchUser');
  });

  it.skipIf(process.getuid?.() !== 0)('lead to lists that only root may read never, where root asks', async () => {
    const list = join(folder.path, 'list');
    writeFileSync(file, `staff: :include:${list}\n`);
    writeFileSync(list, 'ann@example.com\n', { mode: 0o600 });
    await expect(leads('staff')).rejects.toThrow(/may not be read by others/);
    rmSync(list);
  });

  it('lead to commands and files only where that is allowed', async () => {
    writeFileSync(file, 'tickets: "|/usr/bin/tickets -q", /var/mail/tickets, ann@example.com\nonly: |/bin/true\n');
    allowCommands = false;
    expect(await leads('tickets')).toEqual(['ann@example.com']);
    expect(await leads('only')).toBe('noSuchUser');
    expect(await aliases.holdersOf('|/bin/true')).toEqual([]);
    allowCommands = true;
    expect(await leads('tickets')).toEqual([
      'ann@example.com',
      '"|/usr/bin/tickets -q"@mail.example.com',
      '/var/mail/tickets@mail.example.com',
    ]);
    expect(await aliases.holdersOf('|/bin/true')).toEqual(['only']);
    expect(await aliases.holdersOf('|/bin/false')).toEqual([]);
    // No client can name what the file does not.
    expect(await leads('|/bin/true')).toBe('noSuchUser');
    expect(await leads('/var/mail/tickets')).toBe('noSuchUser');
  });

  it('are bounded', async () => {
    writeFileSync(file, `many: ${Array.from({ length: 1001 }, (_, i) => `u${i}@elsewhere.example`).join(', ')}\n`);
    expect(await leads('many')).toBe('loop');
  });
});
