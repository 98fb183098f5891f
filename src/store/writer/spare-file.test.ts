import { closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { stagedBytes } from '../../base/staging.ts';
import type { AccountId } from '../../mail/numbers.ts';
import { openStore } from '../open-store.ts';
import { storeDefaults } from '../settings.ts';
import { SpareFile } from './spare-file.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-spare-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('SpareFile', () => {
  const use = (spare: SpareFile): string => {
    const { path, fd } = spare.take();
    closeSync(fd);
    return path;
  };

  it('is made for what follows at once, used once, and goes when nothing comes', async () => {
    const spare = new SpareFile(dir);
    const first = use(spare);
    spare.prepare();
    expect(readdirSync(dir)).toHaveLength(1);
    const second = use(spare);
    spare.prepare();
    spare.prepare();
    expect(readdirSync(dir)).toHaveLength(3);
    const third = use(spare);
    expect(new Set([first, second, third]).size).toBe(3);
    expect(readdirSync(dir)).toHaveLength(3);
    spare.prepare();
    expect(readdirSync(dir)).toHaveLength(4);
    await sleep(150);
    expect(readdirSync(dir)).toHaveLength(3);
  });

  it('is nothing where none can be made', () => {
    const spare = new SpareFile(dir);
    use(spare);
    use(spare);
    rmSync(dir, { recursive: true });
    spare.prepare();
    expect(() => spare.take()).toThrow('ENOENT');
    mkdirSync(dir);
    use(spare);
  });
});

it('messages that follow each other leave nothing behind them, and a home taken away meanwhile is made anew', async () => {
  const store = openStore({ ...storeDefaults, minFree: 0 }, { log: silentLog });
  const home = join(dir, 'home');
  const deliver = () =>
    store.deliver({ id: 1 as AccountId, address: 'a@example.com', home, quota: 0 }, 'INBOX', [
      { message: stagedBytes(Buffer.from('Subject: a\n\nb\n')), flags: [] },
    ]);
  const files = (folder: string) => readdirSync(join(home, 'Maildir', folder));
  await deliver();
  await deliver();
  await deliver();
  expect(files('new')).toHaveLength(3);
  await expect.poll(() => files('tmp'), { timeout: 5000 }).toEqual([]);
  await deliver();
  await deliver();
  rmSync(home, { recursive: true });
  await deliver();
  expect(files('new')).toHaveLength(1);
  await deliver();
  await store.close();
  expect(files('tmp')).toEqual([]);
  expect(files('new')).toHaveLength(2);
});
