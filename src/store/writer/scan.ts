import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { atOnce, type Sliced } from '../../base/slices.ts';
import { bitsOfLetters, type FileName, parseFileName, splitPath } from '../files/name.ts';
import { folderStamp, isAtRest, stampTime } from '../files/stamp.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { FileRecord } from '../tables/message.ts';
import type { AccountWriter } from './account-writer.ts';
import { adoption, adoptSome, type Found, keywordLearner, rowOf } from './adopt.ts';
import { removeRow } from './flags.ts';
import { allRows } from './mend.ts';
import { settle } from './settle.ts';

/*
 * What other programs did to a folder. readdir may miss files while names change, so what it does not show is not yet gone:
 * a message is expunged only when two complete scans, a second apart, miss it and the folders were at rest around the second one.
 * What it does show is true: a new name of a known message is a flag change, an unknown file is new mail.
 */

/** So many new files become messages in one transaction, more in several. */
const adoptAtOnce = 1000;
/** Milliseconds a folder's stamp must be old before an equal one proves that nothing changed. */
export const stampRest = 2000;

export interface ScanResult {
  /** Milliseconds it took. */
  readonly took: number;
  /** UIDs whose files were not seen; they go when the next scan, a second later, does not see them either. */
  readonly missing: readonly number[];
  /** Messages whose content is still to be read. */
  readonly unread: boolean;
  /** Nothing was looked at: the folder was as it is known. */
  readonly needless?: true;
}

interface Listing {
  readonly names: readonly string[];
  readonly newStamp: string;
  readonly curStamp: string;
  /** Nothing changed while it was read, as far as stamps tell. */
  readonly unchanged: boolean;
  /** And they tell for certain. */
  readonly atRest: boolean;
}

const reported = new Set<string>();

function list(writer: AccountWriter, mailbox: MailboxRecord, parts: readonly ('new' | 'cur')[]): Listing {
  const began = Date.now();
  const [newStamp, curStamp] = stampsOf(writer, mailbox);
  const wasAtRest = isAtRest(newStamp, began) && isAtRest(curStamp, began);
  const names: string[] = [];
  for (const part of parts) {
    for (const entry of entries(writer.path(mailbox, part))) {
      if (entry.name.startsWith('.')) continue;
      const path = writer.path(mailbox, `${part}/${entry.name}`);
      if (isPlainFile(entry, path)) names.push(`${part}/${entry.name}`);
      else if (!reported.has(path) && reported.size < 10_000) {
        reported.add(path);
        writer.log.warn({ mailbox: mailbox.name }, `${path} is no plain file: skipped`);
      }
    }
  }
  const [newAfter, curAfter] = stampsOf(writer, mailbox);
  const unchanged = newStamp === newAfter && curStamp === curAfter;
  return { names, newStamp, curStamp, unchanged, atRest: unchanged && wasAtRest };
}

function entries(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isPlainFile(entry: Dirent, path: string): boolean {
  if (entry.isFile()) return true;
  if (entry.isDirectory() || entry.isSymbolicLink() || entry.isFIFO() || entry.isSocket()) return false;
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** What a look at a folder came to. */
export type Looked = Pick<ScanResult, 'missing' | 'unread'>;

/** As `scanning`, at once. */
export function scan(writer: AccountWriter, id: number, missedBefore: ReadonlySet<number> = new Set(), whole = false): Looked {
  return atOnce(scanning(writer, id, missedBefore, whole));
}

/**
 * Reads a mailbox's folder and brings rows in line with it. Many files become messages in many transactions: where this yields, others
 * may write to the mailbox.
 *
 * @param missedBefore what the scan before, a second or more ago, did not see
 * @param whole        both folders are read, whatever their stamps say
 */
export function* scanning(writer: AccountWriter, id: number, missedBefore: ReadonlySet<number>, whole = false): Sliced<Looked> {
  const started = Date.now();
  let modseq: number | undefined;
  for (;;) {
    // Read first: of flags that another process sets from here on a name may tell before or after its rename.
    modseq = writer.mailboxes.modseq(id);
    if (!settle(writer)) break;
    yield;
  }
  const before = writer.mailboxes.get(id);
  if (before === undefined) return nothing;
  const onlyNew =
    !whole &&
    missedBefore.size === 0 &&
    folderStamp(writer.path(before, 'cur')) === before.curStamp &&
    before.scanned >= stampTime(before.curStamp) + stampRest;
  let parts: readonly ('new' | 'cur')[] = onlyNew ? ['new'] : ['new', 'cur'];
  let listing = list(writer, before, parts);
  const begun = writer.transaction(() => {
    const mailbox = writer.mailboxes.get(id);
    if (mailbox === undefined) return null;
    // Another process wrote in between: read again while it cannot.
    if (mailbox.modseq !== modseq || mailbox.changed !== before.changed) listing = list(writer, mailbox, parts);
    let compared = parts.length === 1 ? compareNew(writer, listing.names, mailbox) : null;
    if (compared === null) {
      if (parts.length === 1) {
        parts = ['new', 'cur'];
        listing = list(writer, mailbox, parts);
      }
      compared = compare(writer, allRows(writer, mailbox), listing.names, mailbox);
    }
    const unknown = [...compared.unknown, ...copies(writer, mailbox, compared, listing.atRest)];
    const isLong = unknown.length > adoptAtOnce;
    const scanned = parts.length === 2 ? started : mailbox.scanned;
    // With something missing the stamps stay as they were: who opens the mailbox next looks again.
    const isKnown = listing.unchanged && compared.missing.every((uid) => missedBefore.has(uid));
    // While files are not adopted yet, too: nobody else would look for them after a crash.
    if (isKnown && !isLong) writer.mailboxes.setScanned(id, listing.newStamp, listing.curStamp, scanned);
    const known = writer.mailboxes.get(id)!;
    writer.touch(known);
    adoptChanges(writer, known, compared.changed);
    readAnew(writer, known, compared.strayed);
    const files = adoption(writer, known, unknown);
    if (files.ours.length > 0) adoptSome(writer, known, files);
    if (!isLong) while (!adoptSome(writer, known, files));
    const missing: number[] = [];
    const gone: number[] = [];
    for (const uid of compared.missing) (missedBefore.has(uid) && listing.atRest ? gone : missing).push(uid);
    expungeMissing(writer, known, gone);
    return { files, missing, scanned, isKnown, isLong };
  }, 'FULL');
  if (begun === null) return nothing;
  const { files, missing, scanned, isKnown, isLong } = begun;
  // What the folder must look like for nobody to have changed it between two transactions.
  let stamps: readonly [string, string] | null = isKnown ? [listing.newStamp, listing.curStamp] : null;
  for (let left = isLong; left; ) {
    yield;
    left = writer.transaction(() => {
      const mailbox = writer.mailboxes.get(id);
      if (mailbox === undefined) return false;
      const now = stampsOf(writer, mailbox);
      if (stamps !== null && (stamps[0] !== now[0] || stamps[1] !== now[1])) stamps = null;
      writer.touch(mailbox);
      const isLast = adoptSome(writer, mailbox, files);
      if (stamps !== null) stamps = stampsOf(writer, mailbox);
      if (isLast && stamps !== null) writer.mailboxes.setScanned(id, ...stamps, scanned);
      return !isLast;
    }, 'FULL');
  }
  return { missing, unread: files.unread };
}

const nothing: Looked = { missing: [], unread: false };

const stampsOf = (writer: AccountWriter, mailbox: MailboxRecord): [fresh: string, cur: string] => [
  folderStamp(writer.path(mailbox, 'new')),
  folderStamp(writer.path(mailbox, 'cur')),
];

interface Compared {
  readonly changed: { readonly row: FileRecord; readonly file: string; readonly parsed: FileName }[];
  readonly unknown: Found[];
  /** Rows whose file is not there, and a file with their UID that another name begins. */
  readonly strayed: { readonly row: FileRecord; readonly file: string; readonly parsed: FileName }[];
  /** Second names of a message. */
  readonly twins: { readonly row: FileRecord; readonly kept: string; readonly file: string; readonly parsed: FileName }[];
  readonly missing: number[];
}

function compare(writer: AccountWriter, rows: readonly FileRecord[], names: readonly string[], mailbox: MailboxRecord): Compared {
  const byUid = new Map(rows.map((row) => [row.uid, row]));
  for (const row of rows) writer.mustBeOwn(mailbox, row);
  const seen = new Map<number, string>();
  const changed: Compared['changed'] = [];
  const unknown: Compared['unknown'] = [];
  const twins: Compared['twins'] = [];
  for (const file of names) {
    const parsed = parseFileName(splitPath(file).name);
    const row = parsed.uidValidity === mailbox.uidValidity && parsed.uid !== null ? byUid.get(parsed.uid) : undefined;
    if (row === undefined || parseFileName(splitPath(row.file).name).unique !== parsed.unique) {
      unknown.push({ file, parsed });
      continue;
    }
    const other = seen.get(row.uid);
    if (other !== undefined) {
      // One message under two names: renamed while the folder was read, or a copy. The name in its row counts, or the first one found.
      const second = file === row.file ? other : file;
      if (file === row.file) seen.set(row.uid, file);
      twins.push({ row, kept: seen.get(row.uid)!, file: second, parsed: parseFileName(splitPath(second).name) });
      continue;
    }
    seen.set(row.uid, file);
    if (file !== row.file || row.origin !== null) changed.push({ row, file, parsed });
  }
  const strayed: Compared['strayed'] = [];
  const left = unknown.filter(({ file, parsed }) => {
    const row = parsed.uidValidity === mailbox.uidValidity && parsed.uid !== null ? byUid.get(parsed.uid) : undefined;
    if (row === undefined || seen.has(row.uid) || row.origin !== null || exists(writer, mailbox, row.file)) return true;
    seen.set(row.uid, file);
    strayed.push({ row, file, parsed });
    return false;
  });
  const missing = rows.filter((row) => !seen.has(row.uid) && row.origin === null).map((row) => row.uid);
  const settled = changed.filter(({ row, file }) => seen.get(row.uid) === file);
  return { changed: settled, unknown: left, strayed, twins, missing };
}

/** Names in `new/` with the rows that lie there; null where one of these was not seen, or a name speaks of a message elsewhere. */
function compareNew(writer: AccountWriter, names: readonly string[], mailbox: MailboxRecord): Compared | null {
  const uids = new Set<number>();
  for (const file of names) {
    const { uid, uidValidity } = parseFileName(splitPath(file).name);
    if (uidValidity === mailbox.uidValidity && uid !== null) uids.add(uid);
  }
  const rows = Array.from(uids).flatMap((uid) => writer.messages.fileOf(mailbox.id, uid) ?? []);
  if (rows.length !== mailbox.fresh || !rows.every(({ file }) => file.startsWith('new/'))) return null;
  const compared = compare(writer, rows, names, mailbox);
  return compared.missing.length > 0 ? null : compared;
}

/**
 * Second names that are files of their own. Only a folder at rest shows which: in one that changes, the first name may be the
 * one that is gone, and taking the second for a copy would take the message's only file. The next scan shows more.
 */
function copies(writer: AccountWriter, mailbox: MailboxRecord, { twins }: Compared, atRest: boolean): Compared['unknown'] {
  return atRest ? twins.filter(({ kept, file }) => exists(writer, mailbox, kept) && exists(writer, mailbox, file)) : [];
}

const exists = (writer: AccountWriter, mailbox: MailboxRecord, file: string): boolean =>
  lstatSync(writer.path(mailbox, file), { throwIfNoEntry: false }) !== undefined;

/** The file's name says which message it is: what the row says beside the UID is not believed any more, all is read anew. */
function readAnew(writer: AccountWriter, mailbox: MailboxRecord, strayed: Compared['strayed']): void {
  if (strayed.length === 0) return;
  const modseq = writer.nextModseq();
  for (const { row, file, parsed } of strayed) {
    const before = writer.messages.get(mailbox.id, row.uid);
    if (before === undefined || !isMessage(writer.path(mailbox, file))) continue;
    writer.log.warn({ mailbox: mailbox.name, uid: row.uid }, `${row.file} is not there, ${file} is: read anew`);
    writer.messages.remove(mailbox.id, row.uid);
    if (before.contentId !== null) writer.contents.remove(before.contentId);
    const anew = rowOf(writer, mailbox, row.uid, modseq, file, parsed, true);
    if (anew !== null) writer.messages.insert(mailbox.id, anew);
    if (before.dirty === 1) writer.messages.setFlags(mailbox.id, row.uid, before.flags, modseq);
  }
  writer.mailboxes.setModseq(mailbox.id, modseq);
  writer.hint(mailbox.id, modseq);
}

const isMessage = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Names changed by another program: its flags count unless ours are still on their way to the disk. */
function adoptChanges(writer: AccountWriter, mailbox: MailboxRecord, changed: Compared['changed']): void {
  if (changed.length === 0) return;
  let modseq = 0;
  const learnt = keywordLearner(writer, mailbox);
  for (const { row, file, parsed } of changed) {
    const bits = bitsOfLetters(parsed.letters ?? '');
    if (row.dirty === 1 || bits === row.flags) {
      writer.messages.setFile(mailbox.id, row.uid, file, row.dirty === 1);
      continue;
    }
    learnt(parsed.letters);
    modseq ||= writer.nextModseq();
    writer.messages.adoptFlags(mailbox.id, row.uid, bits, modseq, file);
  }
  if (modseq === 0) return;
  writer.mailboxes.setModseq(mailbox.id, modseq);
  writer.hint(mailbox.id, modseq);
}

function expungeMissing(writer: AccountWriter, mailbox: MailboxRecord, uids: readonly number[]): void {
  let modseq = 0;
  for (const uid of uids) {
    const row = writer.messages.get(mailbox.id, uid);
    if (row === undefined || lstatSync(writer.path(mailbox, row.file), { throwIfNoEntry: false }) !== undefined) continue;
    modseq ||= writer.nextModseq();
    removeRow(writer, mailbox, uid, modseq, null, null);
    if (row.contentId !== null) writer.contents.remove(row.contentId);
  }
  if (modseq === 0) return;
  writer.mailboxes.setModseq(mailbox.id, modseq);
  writer.hint(mailbox.id, modseq);
}
