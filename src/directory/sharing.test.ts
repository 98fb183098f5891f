import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDirectory } from './open.ts';

it('knows who shares with whom, in every process, until an account goes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-sharing-'));
  const open = () => openDirectory({ file: join(dir, 'directory.sqlite'), home: '/m/%d/%n', quota: 0, recipientDelimiter: '+' });
  const [one, other] = [open(), open()];
  try {
    one.manage.addDomain('a.example');
    for (const name of ['ann', 'bob', 'cy']) one.manage.addUser(`${name}@a.example`, 'x');
    expect(other.sharing.owners(['bob@a.example', '@a.example'])).toEqual([]);
    one.sharing.publish('ann@a.example', ['bob@a.example', '@a.example']);
    one.sharing.publish('cy@a.example', ['bob@a.example']);
    expect(other.sharing.owners(['bob@a.example', '@a.example'])).toEqual(['ann@a.example', 'cy@a.example']);
    one.sharing.publish('ann@a.example', ['@a.example']);
    expect(one.sharing.owners(['bob@a.example'])).toEqual(['cy@a.example']);
    other.manage.removeUser('bob@a.example');
    other.manage.removeUser('ann@a.example');
    expect(one.sharing.owners(['bob@a.example', '@a.example'])).toEqual([]);
  } finally {
    one.close();
    other.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
