import { type Dirent, lstatSync, readdirSync, renameSync } from 'node:fs';
import { lettered } from '../../mail/flags.ts';
import { readKeywordFile } from '../files/keyword-file.ts';
import { baseName, bitsOfLetters, type FileName, parseFileName, splitPath, uniqueName } from '../files/name.ts';
import { folderStamp, isAtRest, stampTime } from '../files/stamp.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { FileRecord } from '../tables/message.ts';
import { type AccountWriter, BrokenIndex } from './account-writer.ts';
import { factsOfFile } from './content.ts';
import { removeRow } from './flags.ts';
import { settleAll } from './settle.ts';

/*
 * What other programs did to a folder. readdir may miss files while names change, so what it does not show is not yet gone:
 * a message is expunged only when two complete scans, a second apart, miss it and the folders were at rest around the second one.
 * What it does show is true: a new name of a known message is a flag change, an unknown file is new mail.
 */

/** Contents are read at once for this many adopted files, later for more. */
const readAtOnce = 100;
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
  const stamps = (): [string, string] => [folderStamp(writer.path(mailbox, 'new')), folderStamp(writer.path(mailbox, 'cur'))];
  const began = Date.now();
  const [newStamp, curStamp] = stamps();
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
  const [newAfter, curAfter] = stamps();
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

/**
 * Reads a mailbox's folder and brings rows in line with it.
 *
 * @param missedBefore what the scan before, a second or more ago, did not see
 * @param whole        both folders are read, whatever their stamps say
 */
export function scan(writer: AccountWriter, id: number, missedBefore: ReadonlySet<number> = new Set(), whole = false): ScanResult {
  const started = Date.now();
  // Read first: of flags that another process sets from here on a name may tell before or after its rename.
  const modseq = writer.mailboxes.modseq(id);
  settleAll(writer);
  const before = writer.mailboxes.get(id);
  if (before === undefined) return { took: 0, missing: [], unread: false };
  const onlyNew =
    !whole &&
    missedBefore.size === 0 &&
    folderStamp(writer.path(before, 'cur')) === before.curStamp &&
    before.scanned >= stampTime(before.curStamp) + stampRest;
  let parts: readonly ('new' | 'cur')[] = onlyNew ? ['new'] : ['new', 'cur'];
  let listing = list(writer, before, parts);
  return writer.transaction(() => {
    const mailbox = writer.mailboxes.get(id);
    if (mailbox === undefined) return { took: 0, missing: [], unread: false };
    // Another process wrote in between: read again while it cannot.
    if (mailbox.modseq !== modseq || mailbox.changed !== before.changed) listing = list(writer, mailbox, parts);
    let compared = parts.length === 1 ? compareNew(writer, listing.names, mailbox) : null;
    if (compared === null) {
      if (parts.length === 1) {
        parts = ['new', 'cur'];
        listing = list(writer, mailbox, parts);
      }
      compared = compare(writer, writer.messages.files(id), listing.names, mailbox);
    }
    // With something missing the stamps stay as they were: who opens the mailbox next looks again.
    if (listing.unchanged && compared.missing.every((uid) => missedBefore.has(uid)))
      writer.mailboxes.setScanned(id, listing.newStamp, listing.curStamp, parts.length === 2 ? started : mailbox.scanned);
    const known = writer.mailboxes.get(id)!;
    writer.touch(known);
    adoptChanges(writer, known, compared.changed);
    readAnew(writer, known, compared.strayed);
    const unread = adoptFiles(writer, known, [...compared.unknown, ...copies(writer, known, compared, listing.atRest)]);
    const missing: number[] = [];
    const gone: number[] = [];
    for (const uid of compared.missing) (missedBefore.has(uid) && listing.atRest ? gone : missing).push(uid);
    expungeMissing(writer, known, gone);
    return { took: Date.now() - started, missing, unread };
  }, 'FULL');
}

interface Compared {
  readonly changed: { readonly row: FileRecord; readonly file: string; readonly parsed: FileName }[];
  readonly unknown: { readonly file: string; readonly parsed: FileName }[];
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
    addRow(writer, mailbox, row.uid, modseq, file, parsed, true);
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

/** Takes names for letters from the folder's keyword file when a file name uses one we do not know. */
function keywordLearner(writer: AccountWriter, mailbox: MailboxRecord): (letters: string | null) => void {
  let known = writer.mailboxes.keywords(mailbox.id);
  return (letters) => {
    if (letters === null || !letters.split('').some((l) => l >= 'a' && l <= 'z' && (known[l.charCodeAt(0) - 97] ?? '') === '')) return;
    for (const [letter, name] of readKeywordFile(writer.path(mailbox)))
      if ((known[letter] ?? '') === '') writer.mailboxes.addKeyword(mailbox.id, letter, name);
    known = writer.mailboxes.keywords(mailbox.id);
    // A letter that nobody has named still is a keyword.
    for (const letter of letters) {
      const code = letter.charCodeAt(0) - 97;
      if (code >= 0 && code < lettered && (known[code] ?? '') === '') writer.mailboxes.addKeyword(mailbox.id, code, `keyword-${letter}`);
    }
    known = writer.mailboxes.keywords(mailbox.id);
  };
}

const byArrival = (a: { parsed: FileName }, b: { parsed: FileName }): number => {
  const seconds = (name: FileName): number => Number.parseInt(name.unique, 10) || 0;
  return seconds(a.parsed) - seconds(b.parsed) || (a.parsed.unique < b.parsed.unique ? -1 : 1);
};

/**
 * Files without a row become messages: under the UID in their names, where no other message has or had it.
 *
 * @returns whether contents are still to be read
 */
function adoptFiles(writer: AccountWriter, mailbox: MailboxRecord, unknown: Compared['unknown']): boolean {
  const foreign: Compared['unknown'] = [];
  const ours: { file: string; parsed: FileName; uid: number }[] = [];
  const taken = new Set<number>();
  for (const entry of unknown.toSorted(byArrival).reverse()) {
    const { file, parsed } = entry;
    const path = mailbox.folder === '' ? file : `${mailbox.folder}/${file}`;
    if (writer.messages.isOrigin(path)) continue;
    const isOurs = parsed.uidValidity === mailbox.uidValidity && parsed.uid !== null && !taken.has(parsed.uid);
    const row = isOurs ? writer.messages.get(mailbox.id, parsed.uid!) : undefined;
    // Looked up it is there, listed it was not: every look would take the file for another new message.
    if (row?.file === file) throw new BrokenIndex(`${mailbox.name}: UID ${row.uid} is not among its rows`);
    const uid = isOurs && row === undefined ? parsed.uid : null;
    const tombstone = uid === null ? undefined : writer.tombstones.has(mailbox.id, uid);
    if (tombstone !== undefined && tombstone.file !== null) continue;
    if (uid !== null && tombstone === undefined) {
      taken.add(uid);
      ours.push({ file, parsed, uid });
    } else foreign.push(entry);
  }
  if (ours.length + foreign.length === 0) return false;
  const learnt = keywordLearner(writer, mailbox);
  const modseq = writer.nextModseq();
  const atOnce = ours.length + foreign.length <= readAtOnce;
  let unread = false;
  let highest = mailbox.uidNext - 1;
  for (const { file, parsed, uid } of ours.reverse()) {
    learnt(parsed.letters);
    if (addRow(writer, mailbox, uid, modseq, file, parsed, atOnce)) unread ||= !atOnce;
    highest = Math.max(highest, uid);
  }
  // UIDs beyond what the rows know: more may have been given since, and taken away.
  const next = highest >= mailbox.uidNext ? Math.max(highest, mailbox.uidReserved) + 1 : mailbox.uidNext;
  writer.mailboxes.advance(mailbox.id, next, modseq);
  writer.hint(mailbox.id, modseq);
  if (foreign.length === 0) return unread;
  const current = writer.mailboxes.get(mailbox.id)!;
  let uid = writer.drawUids(current, foreign.length, modseq);
  for (const { file, parsed } of foreign.reverse()) {
    learnt(parsed.letters);
    // A second file of a message that we have must not share its name, which POP3 and OBJECTID show.
    const unique = parsed.uidValidity === mailbox.uidValidity ? uniqueName(Date.now()) : parsed.unique;
    const { folder, name } = splitPath(file);
    const colon = name.indexOf(':');
    const target = `${folder}/${baseName({ unique, fields: parsed.fields }, mailbox.uidValidity, uid)}${colon === -1 ? '' : name.slice(colon)}`;
    try {
      renameSync(writer.path(mailbox, file), writer.path(mailbox, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      if ((error as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') throw error;
      writer.log.warn({ mailbox: mailbox.name }, `${file}: name too long to carry a UID: skipped`);
      continue;
    }
    writer.syncLater(writer.path(mailbox, folder));
    if (addRow(writer, mailbox, uid, modseq, target, parsed, atOnce)) unread ||= !atOnce;
    uid++;
  }
  return unread;
}

function addRow(
  writer: AccountWriter,
  mailbox: MailboxRecord,
  uid: number,
  modseq: number,
  file: string,
  parsed: FileName,
  readNow: boolean,
): boolean {
  const path = writer.path(mailbox, file);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return false;
  const named = parsed.virtualSize !== null && parsed.size === stat.size;
  const read = readNow || !named ? factsOfFile(path) : null;
  const contentId = read === null ? null : writer.contents.insert(read.facts, read.header);
  writer.messages.insert(mailbox.id, {
    uid,
    flags: bitsOfLetters(parsed.letters ?? ''),
    modseq,
    internalDate: Math.round(stat.mtimeMs),
    zone: null,
    saveDate: Date.now(),
    size: read?.facts.virtualSize ?? parsed.virtualSize ?? stat.size,
    fileSize: stat.size,
    dirty: 0,
    contentId,
    file,
    origin: null,
    sent: read?.facts.sortKeys.sent ?? null,
    sentDay: read?.facts.sortKeys.sentDay ?? null,
  });
  return contentId === null;
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
