import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId, MailboxId, Uid } from '../mail/numbers.ts';
import * as columns from './columns.ts';
import { keptFrom, packed, unpacked } from './kept-view.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { AccountStore, MailboxSnapshot, MailStore } from './store.ts';
import type { AccountWriter } from './writer/account-writer.ts';
import { openWriter } from './writer/open.ts';

describe('what is kept', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 0xffff_ffff }), { maxLength: 50 });

  it('is read as it was written, wherever it lies', () => {
    fc.assert(
      fc.property(numbers, fc.nat(20), (list, offset) => {
        const given = {
          uids: Uint32Array.from(list).sort(),
          flags: Uint32Array.from(list),
          modseqs: Float64Array.from(list, (n) => n * 1000),
        };
        const room = new Uint8Array(offset + 16 * list.length + 16);
        room.set(packed(given), offset);
        expect(unpacked(room.subarray(offset))).toEqual(given);
      }),
    );
  });

  it('is not believed when anything in it has changed', () => {
    const octets = packed({ uids: Uint32Array.of(1, 2), flags: Uint32Array.of(1, 0), modseqs: Float64Array.of(3, 4) });
    for (const at of octets.keys()) {
      if (at >= 12 && at < 16) continue;
      const wrong = octets.slice();
      wrong[at]! ^= 4;
      expect(unpacked(wrong), String(at)).toBeNull();
    }
    expect(unpacked(octets.subarray(0, -16))).toBeNull();
    expect(unpacked(new Uint8Array(3))).toBeNull();
  });
});

describe('a mailbox of many messages', () => {
  const home = mkdtempSync(join(tmpdir(), 'postcote-kept-view-'));
  const settings = { ...storeDefaults, threads: 1 };
  let store: MailStore;

  const open = async (): Promise<{ mail: AccountStore; id: MailboxId }> => {
    store = openStore(settings, { log: silentLog });
    const mail = await store.open({ id: 1 as AccountId, address: 'a@example.com', home, quota: 0 });
    return { mail, id: mail.find('INBOX')!.id };
  };
  const look = ({ uids, flags, modSeqs, highestModSeq }: MailboxSnapshot) => ({ uids, flags, modSeqs, highestModSeq });
  const message = () => ({ message: stagedBytes(Buffer.from('Subject: x\n\ntext\n')), flags: [] });
  /** As a process would that starts now; and whether it read all rows. */
  const found = async () => {
    const { mail, id } = await open();
    const walked = vi.spyOn(columns, 'columnsOf');
    await mail.refresh(id);
    const snapshot = look(mail.snapshot(id));
    const walks = walked.mock.calls.length;
    walked.mockRestore();
    return { mail, id, snapshot, walks };
  };
  const change = (work: (writer: AccountWriter) => void): void => {
    const { writer } = openWriter({ address: 'a@example.com', home }, settings, silentLog);
    work(writer);
    writer.close();
  };

  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    rmSync(home, { recursive: true, force: true });
  });

  it('is opened without walking its rows once they were kept, and right whatever came of that', async () => {
    const first = await open();
    await first.mail.append('INBOX', Array.from({ length: keptFrom }, message));
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    await first.mail.refresh(first.id);
    const before = look(first.mail.snapshot(first.id));
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    await store.close();

    const second = await found();
    expect(second.walks).toBe(0);
    expect(second.snapshot).toEqual(before);

    // What changes after that is read as ever.
    await second.mail.store(second.id, [5], { op: 'add', flags: ['\\Flagged'] });
    await second.mail.expunge(second.id, [7 as Uid], true);
    await second.mail.append('INBOX', [message()]);
    const changed = look(second.mail.snapshot(second.id));
    expect(changed.uids).toHaveLength(keptFrom);
    await store.close();
    const third = await found();
    expect(third.walks).toBe(0);
    expect(third.snapshot).toEqual(changed);
    await store.close();

    // Damaged, or of fewer messages than there are: all rows are read.
    let octets: Uint8Array = new Uint8Array(0);
    change(({ keptViews }) => {
      const kept = keptViews.get(third.id)!;
      octets = kept.octets;
      const wrong = Buffer.from(kept.octets);
      wrong[100]! ^= 1;
      keptViews.put(third.id, kept.modseq, wrong);
    });
    const fourth = await found();
    expect(fourth.walks).toBe(1);
    expect(fourth.snapshot).toEqual(changed);
    await store.close();
    change(({ keptViews }) => {
      const { uids, flags, modseqs } = unpacked(octets)!;
      const some = { uids: uids.slice(0, 900), flags: flags.slice(0, 900), modseqs: modseqs.slice(0, 900) };
      keptViews.put(third.id, keptViews.modseq(third.id)!, packed(some));
    });
    const fifth = await found();
    expect(fifth.walks).toBe(1);
    expect(fifth.snapshot).toEqual(changed);
    await store.close();
  });

  it('is kept as well when it was empty while it was first opened', async () => {
    const { mail, id } = await open();
    mail.snapshot(id);
    for (let n = 0; n < 2100; n++) writeFileSync(join(home, 'Maildir/cur', `${1_700_000_000 + n}.M${n}.host,S=2,W=3:2,`), 'x\n');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    await mail.refresh(id);
    const before = look(mail.snapshot(id));
    expect(before.uids).toHaveLength(2100);
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    await store.close();
    const again = await found();
    expect(again.walks).toBe(0);
    expect(again.snapshot).toEqual(before);
    await store.close();
  });
});
