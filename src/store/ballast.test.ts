import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, type TestContext } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';

const disk = mkdtempSync(join(tmpdir(), 'postcote-ballast-'));

afterEach(() => {
  spawnSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

describe('ballast', () => {
  it('gives a full disk room for expunging, and is made again', async (test: TestContext) => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=0700', 'postcote-test', disk]);
    if (mounted.status !== 0) return test.skip('no mount here');
    const ballast = join(disk, '.ballast');
    const settings = { ...storeDefaults, minFree: 0, ballast, ballastSize: 4 << 20, ballastInterval: 20 };
    const store = openStore(settings, { log: silentLog });
    const mail = await store.open({ id: 1 as AccountId, address: 'a@example.com', home: join(disk, 'a'), quota: 0 });
    const { id } = mail.find('INBOX')!;
    const text = Buffer.from(`Subject: x\n\n${'x'.repeat(300_000)}\n`);
    const uids: number[] = [];
    for (let n = 0; n < 10; n++) uids.push((await mail.append('INBOX', [{ message: stagedBytes(text), flags: [] }]))[0]!.uid);
    await expect.poll(() => existsSync(ballast)).toBe(true);
    // Another program takes all that is left.
    const filler = join(disk, 'filler');
    for (let size = statfsSync(disk).bavail * 4096; size >= 4096; size = Math.floor(size / 2)) {
      try {
        writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
      } catch {}
    }
    while (statfsSync(disk).bavail > 0) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
    await expect(mail.append('INBOX', [{ message: stagedBytes(text), flags: [] }])).rejects.toMatchObject({ kind: 'storageFull' });
    await mail.store(id, uids, { op: 'add', flags: ['\\Deleted'] });
    expect([...(await mail.expunge(id))]).toEqual(uids);
    expect(existsSync(ballast)).toBe(false);
    rmSync(filler);
    await expect.poll(() => existsSync(ballast)).toBe(true);
    await store.close();
  });
});
