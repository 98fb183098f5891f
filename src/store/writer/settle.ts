import { readdirSync, renameSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolder } from '../../base/durable-file.ts';
import { isNameOf, isOwn, parseFileName, placeOf } from '../files/name.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { AccountWriter } from './account-writer.ts';

const isMissing = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
};

/** Where a message of ours lies now, by the `N=` of its name, below its mailbox's folder; null where it is nowhere. Reads both folders. */
export function locate(writer: AccountWriter, mailbox: Pick<MailboxRecord, 'folder' | 'uidValidity'>, uid: number): string | null {
  for (const part of ['cur', 'new'] as const) {
    for (const name of namesIn(writer.path(mailbox, part))) {
      if (!name.includes(`.${uid}`)) continue;
      const parsed = parseFileName(name);
      if (parsed.uid === uid && parsed.uidValidity === mailbox.uidValidity) return `${part}/${name}`;
    }
  }
  return null;
}

/** All of a mailbox's files that carry a UID of it. */
function filesByUid(writer: AccountWriter, mailbox: MailboxRecord): Map<number, string> {
  const found = new Map<number, string>();
  for (const part of ['new', 'cur'] as const) {
    for (const name of namesIn(writer.path(mailbox, part))) {
      const { uid, uidValidity } = parseFileName(name);
      if (uid !== null && uidValidity === mailbox.uidValidity) found.set(uid, `${part}/${name}`);
    }
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/**
 * Brings files behind their rows up to date: new names for changed flags, moves to other mailboxes, unlinks. A slice of `limit`,
 * in one transaction that ends only after the folders are synced.
 *
 * @returns true when there may be more
 */
export function settle(writer: AccountWriter, limit = 250): boolean {
  return writer.transaction(() => {
    const renamed = settleNames(writer, limit);
    const removed = settleTombstones(writer, limit);
    return renamed === limit || removed === limit;
  }, 'NORMAL');
}

/** All of it. */
export function settleAll(writer: AccountWriter): void {
  while (settle(writer));
}

function settleNames(writer: AccountWriter, limit: number): number {
  const rows = writer.messages.dirty(limit);
  const mailboxes = new Map<number, MailboxRecord | undefined>();
  const listings = new Map<number, Map<number, string>>();
  const folders = new Set<string>();
  const done: (() => void)[] = [];
  for (const row of rows) {
    if (!mailboxes.has(row.mailbox)) mailboxes.set(row.mailbox, writer.mailboxes.get(row.mailbox));
    const mailbox = mailboxes.get(row.mailbox);
    if (mailbox === undefined) continue;
    if (!isOwn(mailbox, row)) {
      // Damaged: no file is given a name by it. Who reads the row next has the index made anew.
      done.push(() => writer.messages.clean(row.mailbox, row.uid));
      continue;
    }
    const want = placeOf(row.file, row.flags);
    const source = writer.pathOf(mailbox, row);
    const target = writer.path(mailbox, want);
    writer.touch(mailbox);
    if (row.origin !== null) touchOrigin(writer, row.origin);
    const find = (): string | null => {
      let listing = listings.get(row.mailbox);
      if (listing === undefined) {
        listing = filesByUid(writer, mailbox);
        listings.set(row.mailbox, listing);
      }
      return listing.get(row.uid) ?? null;
    };
    const moved = renameFile(writer, mailbox, row, source, target, find);
    if (moved !== null) for (const path of [moved.from, moved.to]) folders.add(dirname(path));
    // A file that is nowhere to be found is for the scan to judge.
    done.push(() => writer.messages.setFile(row.mailbox, row.uid, moved?.place ?? want, false));
  }
  for (const folder of folders) syncFolder(folder);
  for (const step of done) step();
  return rows.length;
}

/** The mailbox that a moved file leaves. */
function touchOrigin(writer: AccountWriter, origin: string): void {
  const slash = origin.lastIndexOf('/', origin.lastIndexOf('/') - 1);
  const mailbox = writer.mailboxes.findFolder(slash === -1 ? '' : origin.slice(0, slash));
  if (mailbox !== undefined) writer.touch(mailbox);
}

interface Renamed {
  readonly from: string;
  readonly to: string;
  /** Below the mailbox's folder, where that is not what the row said. */
  readonly place?: string;
}

/** @returns null when the file is lost */
function renameFile(
  writer: AccountWriter,
  mailbox: MailboxRecord,
  { uid, origin, flags }: { readonly uid: number; readonly origin: string | null; readonly flags: number },
  source: string,
  target: string,
  find: () => string | null,
): Renamed | null {
  if (source === target) return { from: source, to: source };
  try {
    renameSync(source, target);
    return { from: source, to: target };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const here = find();
  if (here !== null) {
    // What another program put into the name stays.
    const place = placeOf(here, flags);
    const [from, to] = [writer.path(mailbox, here), writer.path(mailbox, place)];
    if (from !== to) renameSync(from, to);
    return { from, to, place };
  }
  const from = origin === null ? null : locateOrigin(writer, origin);
  if (from === null) {
    writer.log.warn({ mailbox: mailbox.name, uid }, 'message file is missing');
    return null;
  }
  if (from !== target) renameSync(from, target);
  return { from, to: target };
}

/** A file that waits to be moved and was renamed by another program meanwhile. Absolute. */
function locateOrigin(writer: AccountWriter, origin: string): string | null {
  const { unique } = parseFileName(origin.slice(origin.lastIndexOf('/') + 1));
  const folder = dirname(dirname(join(writer.root, origin)));
  for (const part of ['cur', 'new']) {
    for (const name of namesIn(join(folder, part))) {
      if (name.startsWith(unique) && parseFileName(name).unique === unique) return join(folder, part, name);
    }
  }
  return null;
}

function settleTombstones(writer: AccountWriter, limit: number): number {
  const rows = writer.tombstones.pending(limit);
  const mailboxes = new Map<number, MailboxRecord | undefined>();
  const folders = new Set<string>();
  for (const { mailbox: id, uid, file } of rows) {
    if (!mailboxes.has(id)) mailboxes.set(id, writer.mailboxes.get(id));
    const mailbox = mailboxes.get(id);
    if (mailbox === undefined) continue;
    writer.touch(mailbox);
    const path = join(writer.root, file);
    // A damaged tombstone takes no living message's file along.
    const isLive = writer.messages.get(id, uid) !== undefined;
    if (isLive || !mayUnlink(writer, mailbox, uid, file)) continue;
    if (!unlinkFile(path)) {
      const found = locate(writer, mailbox, uid);
      if (found !== null) unlinkFile(writer.path(mailbox, found));
    }
    folders.add(dirname(path));
  }
  for (const folder of folders) {
    try {
      syncFolder(folder);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  for (const { mailbox, uid, contentId } of rows) {
    writer.tombstones.clear(mailbox, uid);
    if (contentId !== null) writer.contents.remove(contentId);
  }
  for (const id of mailboxes.keys()) prune(writer, id);
  return rows.length;
}

/** A name with this UID; or that of a message which was moved here and expunged before its file had come: no living one has that. */
function mayUnlink(writer: AccountWriter, mailbox: MailboxRecord, uid: number, file: string): boolean {
  const at = file.lastIndexOf('/', file.lastIndexOf('/') - 1);
  const folder = at === -1 ? '' : file.slice(0, at);
  if (folder === mailbox.folder && isNameOf(file.slice(at + 1), mailbox.uidValidity, uid)) return true;
  const parsed = parseFileName(file.slice(file.lastIndexOf('/') + 1));
  if (parsed.uid === null || file.split('/').includes('..')) return false;
  const there = writer.mailboxes.findFolder(folder);
  return there?.uidValidity !== parsed.uidValidity || writer.messages.get(there.id, parsed.uid) === undefined;
}

function unlinkFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

const kept = 10_000;
const month = 30 * 86_400_000_000;
/** No delivery journal has records this old: the tombstone keeps an expunged message from coming back out of it. */
const journalAge = 600_000_000;

/** Tombstones stay for QRESYNC: 30 days, or the newest 10,000 of a mailbox. RFC 7162 3.2.7 */
function prune(writer: AccountWriter, mailbox: number): void {
  const floor = writer.tombstones.prune(mailbox, Date.now() * 1000 - month, kept, Date.now() * 1000 - journalAge);
  if (floor > 0) writer.mailboxes.setFloor(mailbox, floor);
  writer.tombstones.pruneDeliveries(Date.now() * 1000 - month);
}
