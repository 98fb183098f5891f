import { closeSync, constants, futimesSync, openSync, readSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder, writeWhole } from '../../base/durable-file.ts';
import { Fault } from '../../mail/fault.ts';
import { countBareLf } from '../../mail/line-ends.ts';
import { FactsReader, messageFacts } from '../../mail/mime/facts.ts';
import { baseName, lettersOfBits, uniqueName } from '../files/name.ts';
import { canonicalName } from '../files/paths.ts';
import { longestHeader } from '../tables/content.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { MessageRecord } from '../tables/message.ts';
import type { AccountWriter, Operation, Unsynced } from './account-writer.ts';
import type { FileFacts } from './content.ts';
import { removeRow } from './flags.ts';
import { createMailbox } from './mailboxes.ts';
import { mustBeGone } from './mend.ts';

/** A message as it reaches the store thread. */
export interface IncomingMessage {
  /** The whole, prefix included; null when it is in `file`. */
  readonly bytes: Uint8Array | null;
  readonly file: string | null;
  readonly prefix: Uint8Array | null;
  readonly flags: readonly string[];
  readonly internalDate: number | null;
  readonly zone: number | null;
  readonly deliveryKey: string | null;
}

export interface AppendRequest {
  readonly mailbox: string;
  readonly autocreate: boolean;
  /** A message that goes when these come. */
  readonly replaces: { readonly mailbox: number; readonly uid: number } | null;
  /** As `AppendOptions.claimRecent`. */
  readonly claimRecent: boolean;
  /** Octets the account may hold, 0 = no limit. */
  readonly quota: number;
  readonly messages: readonly IncomingMessage[];
}

export interface AppendedTo {
  readonly mailbox: number;
  readonly uids: readonly number[];
  readonly modseqs: readonly number[];
  readonly recent: boolean;
  /** Contents are still to be read. */
  readonly unread: boolean;
  /** Flags of the messages, and mod-sequences of the mailbox around them; null where they are not all that came between these. */
  readonly added: { readonly flags: readonly number[]; readonly before: number; readonly after: number } | null;
}

interface StagedFile {
  readonly unique: string;
  readonly path: string;
  fd: number;
  /** It has its name; nothing is left in `tmp/`. */
  placed: boolean;
  readonly size: number;
  readonly virtualSize: number;
  /** null: to be read behind the answer. */
  readonly content: FileFacts | null;
  internalDate: number;
  zone: number | null;
  /** Where it lies, once placed. */
  mailbox: MailboxRecord | null;
  /** Below the mailbox's folder. */
  file: string;
  uid: number;
}

/** What a 250 waits for. */
type Care =
  /** The journal, after the transaction. */
  | 'journal'
  /** The file's sync before the transaction, the folder's after it. */
  | 'sync'
  /** Both before the commit: a row that is durable by itself must not be all there is. */
  | 'syncFirst';

/**
 * Delivery and APPEND: `tmp/` written; then name, row and UID in one transaction; then the journal, which makes all of it durable. What is
 * too long for that, or where there is none: the file synced before the transaction, the folder after it.
 */
export function append(writer: AccountWriter, request: AppendRequest): Operation<AppendedTo> {
  const staged: StagedFile[] = [];
  // A queue's retry must find its key after a power cut, too.
  const durable = request.replaces !== null || request.messages.some((message) => message.deliveryKey !== null);
  let care: Care = durable ? 'syncFirst' : 'sync';
  return {
    durable,
    prepare(isAlone) {
      checkRoom(writer);
      const { journal } = writer;
      if (!durable && journal !== null && request.messages.every(({ bytes }) => bytes !== null && journal.journal.takes(bytes.length)))
        care = 'journal';
      for (const message of request.messages) {
        const later = isAlone && care === 'journal' && message.bytes!.length <= readLater;
        staged.push(stage(writer, message, later));
      }
    },
    unsynced: () => (care === 'journal' ? [] : staged.map(({ fd }) => fd)),
    run: () => place(writer, request, staged, care),
    journaled: () => (care === 'journal' ? staged.map((file, i) => unsynced(writer, file, request.messages[i]!.bytes!)) : []),
    dispose() {
      for (const file of staged) {
        if (file.fd !== -1) closeSync(file.fd);
        if (!file.placed) rmSync(file.path, { force: true });
      }
    },
  };
}

/** Octets of a message, by itself, whose contents are read behind the answer, from its file: with many others, or when somebody asks for them. */
const readLater = 60_000;

const freeChecked = new Map<string, { at: number; free: number }>();

/** New mail is refused while little is free, so that flags and expunging still work. */
function checkRoom(writer: AccountWriter): void {
  const { minFree } = writer.settings;
  if (minFree === 0) return;
  const now = Date.now();
  let known = freeChecked.get(writer.root);
  if (known === undefined || now - known.at > 1000 || now < known.at) {
    const { bavail, bsize } = statfsSync(writer.root);
    known = { at: now, free: bavail * bsize };
    if (freeChecked.size > 1000) freeChecked.clear();
    freeChecked.set(writer.root, known);
  }
  if (known.free < minFree) throw new Fault('storageFull', `${known.free} octets free on the disk of ${writer.root}`);
}

function stage(writer: AccountWriter, message: IncomingMessage, later: boolean): StagedFile {
  const now = Date.now();
  const unique = uniqueName(now);
  const { path, fd } = writer.spareFile.take();
  try {
    const written = message.file === null ? writeBytes(fd, message.bytes!, later) : whole(copyFile(fd, message.file, message.prefix));
    const internalDate = message.internalDate ?? now;
    futimesSync(fd, now / 1000, internalDate / 1000);
    const { zone } = message;
    return { unique, path, fd, placed: false, ...written, internalDate, zone, mailbox: null, file: '', uid: 0 };
  } catch (error) {
    closeSync(fd);
    rmSync(path, { force: true });
    throw error;
  }
}

type Written = Pick<StagedFile, 'size' | 'virtualSize' | 'content'>;

const whole = (content: FileFacts): Written => ({ size: content.facts.size, virtualSize: content.facts.virtualSize, content });

function writeBytes(fd: number, bytes: Uint8Array, later: boolean): Written {
  writeWhole(fd, bytes);
  if (later) return { size: bytes.length, virtualSize: bytes.length + countBareLf(bytes), content: null };
  const facts = messageFacts(bytes);
  return whole({ facts, header: facts.headerSize <= longestHeader ? bytes.subarray(0, facts.headerSize) : null });
}

function copyFile(fd: number, file: string, prefix: Uint8Array | null): FileFacts {
  const reader = new FactsReader();
  const start: Uint8Array[] = [];
  let kept = 0;
  const take = (chunk: Uint8Array): void => {
    writeWhole(fd, chunk);
    reader.write(chunk);
    if (kept < longestHeader) start.push(chunk.slice(0, longestHeader - kept));
    kept += chunk.length;
  };
  if (prefix !== null) take(prefix);
  const source = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.allocUnsafe(1 << 18);
    for (;;) {
      const length = readSync(source, buffer, 0, buffer.length, null);
      if (length === 0) break;
      take(buffer.subarray(0, length));
    }
  } finally {
    closeSync(source);
  }
  const facts = reader.end();
  return { facts, header: facts.headerSize <= longestHeader ? Buffer.concat(start).subarray(0, facts.headerSize) : null };
}

function unsynced(writer: AccountWriter, { fd, mailbox, file, uid, internalDate }: StagedFile, octets: Uint8Array): Unsynced {
  const { address, root, settings } = writer;
  const { home, device } = writer.journal!;
  const { objectId, folder } = mailbox!;
  const place = { address, home, maildir: settings.maildir, objectId, folder, file, uid, internalDate };
  return { place, octets, root, device, fd, folder: writer.path(mailbox!, file.slice(0, 3)) };
}

function place(writer: AccountWriter, request: AppendRequest, staged: readonly StagedFile[], care: Care): AppendedTo {
  const name = canonicalName(request.mailbox);
  let mailbox = writer.mailboxes.find(name);
  if (mailbox === undefined && request.autocreate) mailbox = createMailbox(writer, name, null);
  if (mailbox === undefined) throw new Fault('noSuchMailbox', name);
  const old = replaced(writer, request);
  if (request.quota > 0) {
    const more = staged.reduce((sum, { virtualSize }) => sum + virtualSize, 0);
    const less = old?.row.size ?? 0;
    if (writer.account.usage().bytes + more - less > request.quota) throw new Fault('overQuota', writer.address);
  }
  const modseq = writer.nextModseq();
  const recent = request.claimRecent && mailbox.firstRecent === mailbox.uidNext;
  const result = { mailbox: mailbox.id, uids: [] as number[], modseqs: [] as number[], recent };
  const flags: number[] = [];
  const fresh = staged.map((file, i) => {
    const key = request.messages[i]!.deliveryKey;
    const before = key === null ? undefined : writer.tombstones.delivered(mailbox.id, key);
    return { file, message: request.messages[i]!, key, before };
  });
  const wanted = fresh.filter(({ before }) => before === undefined).length;
  // Messages without flags lie in `new/`.
  if (wanted > 0)
    writer.touch(
      mailbox,
      request.messages.every(({ flags }) => flags.length === 0),
    );
  let uid = wanted > 0 ? writer.drawUids(mailbox, wanted, modseq) : 0;
  for (const { file, message, key, before } of fresh) {
    if (before === undefined) {
      const { bits, more } = writer.flagsOf(mailbox, message.flags, true);
      insert(writer, mailbox, file, bits, uid, modseq, care);
      if (more.length === 0) flags.push(bits);
      else writer.messages.setMoreKeywords(mailbox.id, uid, more);
      if (key !== null) writer.tombstones.addDelivery(mailbox.id, key, uid, modseq);
    }
    result.uids.push(before?.uid ?? uid);
    result.modseqs.push(before?.modseq ?? modseq);
    if (before === undefined) uid++;
  }
  if (recent && wanted > 0) writer.mailboxes.setRecent(mailbox.id, uid);
  if (old !== null) {
    removeRow(writer, old.mailbox, old.row.uid, modseq, old.row.origin ?? join(old.mailbox.folder, old.row.file), old.row.contentId);
    writer.mailboxes.setModseq(old.mailbox.id, modseq);
    writer.hint(old.mailbox.id, modseq);
  }
  const isAll = flags.length === staged.length && old === null;
  return {
    ...result,
    unread: staged.some(({ content }) => content === null),
    added: isAll ? { flags, before: mailbox.modseq, after: modseq } : null,
  };
}

/** null where another was faster in expunging it. */
function replaced(writer: AccountWriter, { replaces }: AppendRequest): { mailbox: MailboxRecord; row: MessageRecord } | null {
  if (replaces === null) return null;
  const mailbox = writer.mailbox(replaces.mailbox);
  const row = writer.messages.get(mailbox.id, replaces.uid);
  if (row === undefined) {
    mustBeGone(writer, mailbox, replaces.uid);
    return null;
  }
  writer.mustBeOwn(mailbox, row);
  return { mailbox, row };
}

function insert(
  writer: AccountWriter,
  mailbox: MailboxRecord,
  staged: StagedFile,
  bits: number,
  uid: number,
  modseq: number,
  care: Care,
): void {
  const { size, virtualSize, content, internalDate, zone } = staged;
  const base = baseName({ unique: staged.unique, fields: `,S=${size},W=${virtualSize}` }, mailbox.uidValidity, uid);
  const folder = bits === 0 ? 'new' : 'cur';
  const file = bits === 0 ? `new/${base}` : `cur/${base}:2,${lettersOfBits(bits)}`;
  const target = writer.path(mailbox, file);
  moveInto(staged.path, target);
  staged.placed = true;
  staged.mailbox = mailbox;
  staged.file = file;
  staged.uid = uid;
  writer.onUndo(() => rmSync(target, { force: true }));
  if (care === 'sync') writer.syncLater(writer.path(mailbox, folder));
  else if (care === 'syncFirst') syncFolder(writer.path(mailbox, folder));
  const contentId = content === null ? null : writer.contents.insert(content.facts, content.header);
  writer.messages.insert(mailbox.id, {
    uid,
    flags: bits,
    modseq,
    internalDate,
    zone,
    saveDate: Date.now(),
    size: virtualSize,
    fileSize: size,
    dirty: 0,
    contentId,
    file,
    origin: null,
    sent: content?.facts.sortKeys.sent ?? null,
    sentDay: content?.facts.sortKeys.sentDay ?? null,
  });
}

/** @throws Fault unavailable when another program took the folder away */
function moveInto(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Fault('unavailable', `${to} cannot be made`, { cause: error });
    throw error;
  }
}
