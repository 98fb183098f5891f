import { mkdtempSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { atOnce } from '../../base/slices.ts';
import { storeDefaults } from '../settings.ts';
import type { AccountWriter } from './account-writer.ts';
import { store } from './flags.ts';
import { isKnown, openWriter } from './open.ts';
import { scan, scanning } from './scan.ts';
import { settleAll } from './settle.ts';

/** More than become messages in one transaction. */
const count = 1200;
let home: string;
let one: AccountWriter;
let other: AccountWriter;
let id: number;
const open = (): AccountWriter => openWriter({ address: 'a@b', home }, { ...storeDefaults, minFree: 0 }, silentLog).writer;
const nameOf = (n: number): string => `${1_600_000_000 + n}.M${n}.host,S=2,W=3`;
const path = (name: string): string => join(home, 'Maildir/cur', name);

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'postcote-adopt-'));
  one = open();
  other = open();
  id = one.mailboxes.find('INBOX')!.id;
  for (let n = 1; n <= count; n++) writeFileSync(path(`${nameOf(n)}:2,`), 'x\n');
  // A transaction has two hundred files then.
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 30));
});
afterEach(() => {
  vi.restoreAllMocks();
  one.close();
  other.close();
  rmSync(home, { recursive: true, force: true });
});

const rows = () => one.messages.range(id, 1, 0xffff_ffff);
const known = (): boolean => isKnown(one, one.mailbox(id));
/** Every file is a message's, every message has its file, in the order in which they came. */
function mustAgree(messages: number): void {
  const files = rows().map(({ file }) => file.slice('cur/'.length));
  expect(files.toSorted()).toEqual(readdirSync(join(home, 'Maildir/cur')).toSorted());
  expect(files).toHaveLength(messages);
  const numbers = files.map((file) => Number.parseInt(file, 10));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
}

describe('many files of another program', () => {
  it('become messages in several transactions, and the folder is known when the last one is done', () => {
    const work = scanning(one, id, new Set());
    const found: number[] = [];
    for (; work.next().done !== true; found.push(rows().length)) expect(known()).toBe(false);
    expect(found).toEqual([0, 200, 400, 600, 800, 1000]);
    mustAgree(count);
    expect(known()).toBe(true);
  });

  it('are never below a UIDNEXT that was told, and above every modseq that was', () => {
    const uidValidity = one.mailbox(id).uidValidity.toString(36);
    const kept = 300;
    for (let n = 1; n <= kept; n++) writeFileSync(path(`${nameOf(n)}b,N=${uidValidity}.${2 * n}:2,`), 'x\n');
    const told: { readonly uidNext: number; readonly modseq: number; readonly messages: number }[] = [];
    const work = scanning(one, id, new Set());
    do told.push(one.mailbox(id));
    while (work.next().done !== true);
    // All that keep their UIDs come first and at once, with the first hundred of the others.
    expect(told.map(({ messages }) => messages).slice(0, 3)).toEqual([0, kept + 100, kept + 300]);
    for (const { uidNext, modseq, messages } of told.slice(1)) {
      expect(rows().filter(({ uid }) => uid < uidNext)).toHaveLength(messages);
      expect(one.messages.changedSince(id, modseq)).toHaveLength(count + kept - messages);
    }
  });

  it('are found by the next look where the first was cut short', () => {
    const work = scanning(one, id, new Set());
    for (let n = 0; n < 3; n++) work.next();
    expect([rows().length, known()]).toEqual([400, false]);
    scan(other, id);
    mustAgree(count);
    expect(known()).toBe(true);
  });

  it('become messages once, when two processes look', () => {
    const work = scanning(one, id, new Set());
    const theirs = scanning(other, id, new Set());
    for (let n = 0; n < 3; n++) [work, theirs].forEach((each) => void each.next());
    atOnce(work);
    atOnce(theirs);
    mustAgree(count);
  });

  it('may be flagged, moved and removed meanwhile by us and others', () => {
    const work = scanning(one, id, new Set());
    for (let n = 0; n < 2; n++) work.next();
    one.run([store(one, { mailbox: id, uids: Uint32Array.of(1, 2, 201), change: { op: 'add', flags: ['\\Seen'] }, unchangedSince: null })]);
    settleAll(one);
    renameSync(path(`${nameOf(900)}:2,`), path(`${nameOf(900)}:2,F`));
    unlinkSync(path(`${nameOf(901)}:2,`));
    atOnce(work);
    expect([rows().length, known()]).toEqual([count - 2, false]);
    scan(one, id);
    expect(known()).toBe(true);
    const last = rows().at(-1)!;
    expect([last.file.startsWith(`cur/${nameOf(900)}`), last.flags & 4]).toEqual([true, 4]);
    expect(rows().filter(({ flags }) => (flags & 1) !== 0)).toHaveLength(2);
  });

  it('keep the UIDs they were given before, whatever comes between', () => {
    const uidValidity = one.mailbox(id).uidValidity.toString(36);
    writeFileSync(path(`1.M1.host,S=2,W=3,N=${uidValidity}.5000:2,`), 'x\n');
    const work = scanning(one, id, new Set());
    work.next();
    expect(one.mailbox(id).uidNext).toBeGreaterThan(5000);
    atOnce(work);
    const uids = rows().map(({ uid }) => uid);
    expect([uids.length, uids[0]]).toEqual([count + 1, 5000]);
    expect(new Set(readdirSync(join(home, 'Maildir/cur')).map((name) => /,N=\w+\.(\d+)/.exec(name)?.[1])).size).toBe(count + 1);
  });

  it('leave alone a mailbox that is removed meanwhile', () => {
    const work = scanning(one, id, new Set());
    for (let n = 0; n < 2; n++) work.next();
    one.transaction(() => one.forget(id), 'FULL');
    expect(atOnce(work)).toEqual({ missing: [], unread: true });
  });
});
