import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { stagedBytes } from '../../base/staging.ts';
import { appendRequest } from '../append-request.ts';
import { storeDefaults } from '../settings.ts';
import { type AccountWriter, BrokenIndex, StaleIndex } from './account-writer.ts';
import { append } from './append.ts';
import { store } from './flags.ts';
import { giveUp, openWriter, setAside } from './open.ts';
import { scan } from './scan.ts';
import { settleAll } from './settle.ts';

/*
 * Two processes may write one account: workers of one server, or those of a server whose primary was killed beside the next one's.
 * SQLite orders their transactions; what lies between two of them is shown here step by step.
 */

let home: string;
let one: AccountWriter;
let other: AccountWriter;
const open = (): AccountWriter => openWriter({ address: 'a@b', home }, { ...storeDefaults, minFree: 0 }, silentLog).writer;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'postcote-two-'));
  one = open();
  other = open();
});
afterEach(() => {
  vi.restoreAllMocks();
  one.close();
  other.close();
  rmSync(home, { recursive: true, force: true });
});

function deliver(writer: AccountWriter): { mailbox: number; uid: number } {
  const operation = append(
    writer,
    appendRequest('INBOX', [{ message: stagedBytes(Buffer.from('Subject: x\n\nx\n')), flags: [] }], 0, {}).request,
  );
  operation.prepare!(false);
  const [outcome] = writer.run([operation]);
  operation.dispose!();
  const { mailbox, uids } = outcome!.value as { mailbox: number; uids: readonly number[] };
  return { mailbox, uid: uids[0]! };
}

/** @returns what it failed with */
function flag(writer: AccountWriter, mailbox: number, uid: number): unknown {
  const change = { op: 'add', flags: ['\\Flagged'] } as const;
  const [outcome] = writer.run([store(writer, { mailbox, uids: Uint32Array.of(uid), change, unchangedSince: null })]);
  return outcome!.error;
}

describe('a scan', () => {
  it('takes no name it read before another process set a flag and renamed the file for the wish of another program', () => {
    const { mailbox, uid } = deliver(one);
    // Somebody else's file: no process knows the folder now.
    writeFileSync(join(one.root, 'new/1.foreign.host'), 'Subject: y\n\ny\n');
    const get = other.mailboxes.get.bind(other.mailboxes);
    vi.spyOn(other.mailboxes, 'get').mockImplementationOnce((id) => {
      expect(flag(one, mailbox, uid)).toBeUndefined();
      return get(id);
    });
    const transaction = other.transaction.bind(other);
    let calls = 0;
    vi.spyOn(other, 'transaction').mockImplementation((work, level) => {
      // The first settles, the second compares what was read in between.
      if (++calls === 2) settleAll(one);
      return transaction(work, level);
    });
    scan(other, mailbox, new Set(), true);
    expect(calls).toBe(2);
    expect(one.messages.get(mailbox, uid)).toMatchObject({ flags: 4, dirty: 0 });
    expect(one.messages.get(mailbox, uid)!.file).toMatch(/^cur\/.*:2,F$/);
  });
});

describe('an index that is set aside', () => {
  it('takes no promise of another process along', () => {
    const { mailbox, uid } = deliver(one);
    const second = deliver(one);
    expect(flag(one, mailbox, uid)).toBeUndefined();
    // It may not wait here: this thread is the other process as well.
    one.db.pragma('busy_timeout = 0');
    let meanwhile: unknown;
    const log = { ...silentLog, error: () => (meanwhile = flag(one, mailbox, second.uid)) };
    giveUp(other, () => setAside(home, other.inode, log, new BrokenIndex('as said')));
    expect(meanwhile).toMatchObject({ kind: 'unavailable' });
    expect(flag(one, mailbox, second.uid)).toBeInstanceOf(StaleIndex);
    one.close();
    one = open();
    const inbox = one.mailboxes.find('INBOX')!.id;
    expect(one.messages.get(inbox, uid)).toMatchObject({ flags: 4 });
    expect(flag(one, inbox, second.uid)).toBeUndefined();
  });
});
