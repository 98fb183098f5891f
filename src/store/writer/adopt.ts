import { lstatSync, renameSync } from 'node:fs';
import { lettered } from '../../mail/flags.ts';
import { readKeywordFile } from '../files/keyword-file.ts';
import { baseName, bitsOfLetters, type FileName, splitPath, uniqueName } from '../files/name.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { MessageRecord } from '../tables/message.ts';
import { type AccountWriter, BrokenIndex, uidBlock } from './account-writer.ts';
import { factsOfFile } from './content.ts';

/** Contents are read at once for this many adopted files, later for more. */
const readAtOnce = 100;
/** Files that become messages between looks at the clock, and milliseconds of that in one transaction. */
const step = 100;
const stretch = 50;

/** A file of the folder, `cur/NAME`. */
export interface Found {
  readonly file: string;
  readonly parsed: FileName;
}

/** Files without a row that become messages, in their order. */
export interface Adoption {
  /** Under the UID in their names, where no other message has or had it. */
  readonly ours: readonly (Found & { readonly uid: number })[];
  /** Under a new one. */
  readonly foreign: readonly Found[];
  /** Of both, in turn. */
  done: number;
  /** Contents are still to be read. */
  unread: boolean;
}

/** Sorts files without a row. UIDs they claim are not drawn from now on. Inside a transaction. */
export function adoption(writer: AccountWriter, mailbox: MailboxRecord, unknown: readonly Found[]): Adoption {
  const foreign: Found[] = [];
  const ours: (Found & { uid: number })[] = [];
  const taken = new Set<number>();
  const origins = writer.messages.origins();
  for (const entry of inOrderOfArrival(unknown).reverse()) {
    const { file, parsed } = entry;
    const path = mailbox.folder === '' ? file : `${mailbox.folder}/${file}`;
    if (origins.has(path)) continue;
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
  ours.reverse();
  foreign.reverse();
  if (ours.length + foreign.length > 0) {
    const highest = ours.reduce((most, { uid }) => Math.max(most, uid), mailbox.uidNext - 1);
    // UIDs beyond what the rows know: more may have been given since, and taken away.
    const next = highest >= mailbox.uidNext ? Math.max(highest, mailbox.uidReserved) + 1 : mailbox.uidNext;
    writer.mailboxes.advance(mailbox.id, next, writer.nextModseq());
    const last = next - 1 + foreign.length;
    if (foreign.length > uidBlock && last > mailbox.uidReserved) writer.reserve(writer.mailbox(mailbox.id), Math.min(last, 0xffff_ffff));
  }
  return { ours, foreign, done: 0, unread: false };
}

/**
 * As many of them as a transaction should have. Inside one. Those that keep their UIDs all at once: who looked at the mailbox in between
 * would never hear of the rest, which is below the UIDNEXT that it was told.
 *
 * @returns whether that was the last
 */
export function adoptSome(writer: AccountWriter, mailbox: MailboxRecord, files: Adoption): boolean {
  const { ours, foreign } = files;
  const all = ours.length + foreign.length;
  if (files.done >= all) return true;
  const began = performance.now();
  const modseq = writer.nextModseq();
  const learnt = keywordLearner(writer, mailbox);
  let rows: MessageRecord[] = [];
  const adopt = (uid: number, file: string, parsed: FileName): void => {
    learnt(parsed.letters);
    const row = rowOf(writer, mailbox, uid, modseq, file, parsed, all <= readAtOnce);
    if (row === null) return;
    rows.push(row);
    files.unread ||= all > readAtOnce && row.contentId === null;
  };
  if (all > readAtOnce) writer.growCache();
  do {
    const end = Math.min(files.done + step, all);
    for (const { file, parsed, uid } of ours.slice(files.done, end)) {
      // Another process may have been first since the folder was read.
      if (writer.messages.fileOf(mailbox.id, uid) === undefined) adopt(uid, file, parsed);
    }
    const some = foreign.slice(Math.max(0, files.done - ours.length), Math.max(0, end - ours.length));
    let uid = some.length === 0 ? 0 : writer.drawUids(writer.mailbox(mailbox.id), some.length, modseq);
    for (const { file, parsed } of some) {
      const target = renamed(writer, mailbox, uid, file, parsed);
      if (target === null) continue;
      adopt(uid++, target, parsed);
    }
    writer.messages.insertSome(mailbox.id, rows);
    rows = [];
    files.done = end;
  } while (files.done < all && (files.done < ours.length || performance.now() - began < stretch));
  writer.mailboxes.setModseq(mailbox.id, modseq);
  writer.hint(mailbox.id, modseq);
  return files.done === all;
}

/** Gives a file the name that says it is the message of that UID. @returns its name; null where it is gone, or cannot be called so */
function renamed(writer: AccountWriter, mailbox: MailboxRecord, uid: number, file: string, parsed: FileName): string | null {
  // A second file of a message that we have must not share its name, which POP3 and OBJECTID show.
  const unique = parsed.uidValidity === mailbox.uidValidity ? uniqueName(Date.now()) : parsed.unique;
  const { folder, name } = splitPath(file);
  const colon = name.indexOf(':');
  const target = `${folder}/${baseName({ unique, fields: parsed.fields }, mailbox.uidValidity, uid)}${colon === -1 ? '' : name.slice(colon)}`;
  try {
    renameSync(writer.path(mailbox, file), writer.path(mailbox, target));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if ((error as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') throw error;
    writer.log.warn({ mailbox: mailbox.name }, `${file}: name too long to carry a UID: skipped`);
    return null;
  }
  writer.syncLater(writer.path(mailbox, folder));
  return target;
}

function inOrderOfArrival(files: readonly Found[]): Found[] {
  const stamped = files.map((found) => ({ found, seconds: Number.parseInt(found.parsed.unique, 10) || 0 }));
  stamped.sort((a, b) => a.seconds - b.seconds || (a.found.parsed.unique < b.found.parsed.unique ? -1 : 1));
  return stamped.map(({ found }) => found);
}

/** Takes names for letters from the folder's keyword file when a file name uses one we do not know. */
export function keywordLearner(writer: AccountWriter, mailbox: MailboxRecord): (letters: string | null) => void {
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

/** A file's row, and its content where that is read now; null where it is no file any more. */
export function rowOf(
  writer: AccountWriter,
  mailbox: MailboxRecord,
  uid: number,
  modseq: number,
  file: string,
  parsed: FileName,
  readNow: boolean,
): MessageRecord | null {
  const path = writer.path(mailbox, file);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return null;
  const named = parsed.virtualSize !== null && parsed.size === stat.size;
  const read = readNow || !named ? factsOfFile(path, stat.size) : null;
  return {
    uid,
    flags: bitsOfLetters(parsed.letters ?? ''),
    modseq,
    internalDate: Math.round(stat.mtimeMs),
    zone: null,
    saveDate: Date.now(),
    size: read?.facts.virtualSize ?? parsed.virtualSize ?? stat.size,
    fileSize: stat.size,
    dirty: 0,
    contentId: read === null ? null : writer.contents.insert(read.facts, read.header),
    file,
    origin: null,
    sent: read?.facts.sortKeys.sent ?? null,
    sentDay: read?.facts.sortKeys.sentDay ?? null,
  };
}
