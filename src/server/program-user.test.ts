import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/server.ts';
import { programUser } from './program-user.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const file = join(folder.path, 'aliases');
writeFileSync(file, '', { mode: 0o644 });

const passwd = () =>
  'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nbob:x:1001:100::/home/bob:/bin/sh\nvmail:x:5000:5000::/x:\n';
const userOf = (uid: number, settings: Partial<Parameters<typeof programUser>[0]['settings'] extends () => infer S ? S : never> = {}) =>
  programUser({ settings: () => ({ file, commandsAs: 'recipient', commandUser: 'nobody', ...settings }), uid, passwd });

describe('whom a command is run as', () => {
  it('a server of its own user runs those of names that are nobody else', async () => {
    const own = userOf(5000);
    expect(await own(['tickets'])).toBeNull();
    expect(await own(['vmail'])).toBeNull();
    expect(await own(['root'])).toBeNull();
    expect(await own(['bob'])).toBe('Commands and files of bob need a server that may become that user');
    expect(await userOf(5000, { commandsAs: 'server' })(['bob'])).toBeNull();
  });

  it.skipIf(process.getuid?.() !== 0)(
    'root becomes the user that the name is, another one for the rest, and stays root for nobody',
    async () => {
      const root = userOf(0);
      expect(await root(['bob'])).toEqual({ name: 'bob', uid: 1001, gid: 100, home: '/home/bob' });
      expect(await root(['tickets'])).toMatchObject({ name: 'nobody' });
      expect(await root(['root'])).toMatchObject({ name: 'nobody' });
      expect(await userOf(0, { commandUser: 'root' })(['tickets'])).toMatch(/not run as root/);
      expect(await userOf(0, { commandUser: 'nowhere' })(['tickets'])).toMatch(/no user nowhere/);
      expect(await userOf(0, { commandsAs: 'server' })(['bob'])).toMatch(/does not run as root/);
    },
  );

  it.skipIf(process.getuid?.() !== 0)('who owns the file runs all of its commands, and none where anyone may write it', async () => {
    chownSync(file, 1001, 100);
    expect(await userOf(0)(['vmail'])).toMatchObject({ name: 'bob' });
    chownSync(file, 4242, 100);
    expect(await userOf(0)(['vmail'])).toMatch(/belongs to nobody/);
    chownSync(file, 0, 0);
    chmodSync(file, 0o664);
    expect(await userOf(0)(['bob'])).toMatch(/may be written by others/);
    chmodSync(file, 0o644);
  });
});
