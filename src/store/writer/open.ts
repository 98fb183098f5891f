import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bootId as thisBoot } from '../../base/boot-id.ts';
import { syncFolder } from '../../base/durable-file.ts';
import type { Log } from '../../base/log.ts';
import { makeApart } from '../../base/make-apart.ts';
import { isBusy, isDamage } from '../../db/open.ts';
import { copyTemplate } from '../../db/template.ts';
import { quickCheck } from '../../db/transaction.ts';
import { Fault } from '../../mail/fault.ts';
import { readKeywordFile } from '../files/keyword-file.ts';
import { readMailboxFile } from '../files/mailbox-file.ts';
import { nameOfFolder } from '../files/paths.ts';
import { folderStamp } from '../files/stamp.ts';
import { readSubscriptionFile } from '../files/subscription-file.ts';
import type { StoreSettings } from '../settings.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import { type AccountNames, AccountWriter, BrokenIndex, indexName, StaleIndex } from './account-writer.ts';
import { readAnnotations } from './annotations.ts';
import { foundInbox } from './found.ts';
import { importDovecot } from './import-dovecot.ts';
import { newObjectId, nextUidValidity } from './mailboxes.ts';
import { checkMailbox } from './mend.ts';
import { scan } from './scan.ts';
import { settleAll } from './settle.ts';
import { setTornAside } from './torn.ts';

/** Rows committed without a sync are whole as long as this run of the machine lasts. */
const bootId = thisBoot ?? 'unknown';

export interface Opened {
  readonly writer: AccountWriter;
  /** Contents are still to be read. */
  readonly unread: boolean;
}

/** Opens an account for writing: makes what is missing, sets a broken index aside, recovers after an unclean stop. */
export function openWriter(names: AccountNames, settings: StoreSettings, log: Log): Opened {
  const root = join(names.home, settings.maildir);
  const isFresh = !existsSync(join(root, 'cur')) && !existsSync(join(root, 'new'));
  if (isFresh && !existsSync(names.home)) makeApart(names.home);
  for (const part of ['tmp', 'new', 'cur']) makeFolder(join(root, part));
  copyTemplate(join(names.home, indexName), 'account');
  if (isFresh) syncFolder(names.home);
  for (let attempt = 0; ; attempt++) {
    const inode = statSync(join(names.home, indexName), { throwIfNoEntry: false })?.ino;
    let writer: AccountWriter | undefined;
    try {
      writer = new AccountWriter(names, settings, log);
      return { writer, unread: recover(writer, isFresh) };
    } catch (error) {
      const isLast = attempt > 0 || inode === undefined || !isBroken(error);
      try {
        if (writer !== undefined && isBroken(error)) giveUp(writer, isLast ? null : () => setAside(names.home, inode, log, error));
        else if (!isLast) setAside(names.home, inode, log, error);
      } finally {
        writer?.close();
      }
      if (isLast) throw error;
    }
  }
}

/** @throws Fault unavailable where something else lies there, a link included */
function makeFolder(path: string): void {
  const known = lstatSync(path, { throwIfNoEntry: false });
  if (known === undefined) mkdirSync(path, { recursive: true, mode: 0o700 });
  else if (!known.isDirectory()) throw new Fault('unavailable', `${path} is no folder`);
}

/** The index is damaged, by what SQLite says or by what it says itself. */
export const isBroken = (error: unknown): boolean =>
  isDamage(error) || (error instanceof Fault && isDamage(error.cause)) || error instanceof BrokenIndex;

/**
 * Flags and expunges that were promised and that only the index knows go to the files, then the index itself goes. While nobody else
 * can write to it, so that what another process promises is among these or in the next index; as far as it still can be locked.
 */
export function giveUp(writer: AccountWriter, putAside: (() => void) | null): void {
  let step: 'asked' | 'begun' | 'done' = 'asked';
  const work = (): void => {
    step = 'begun';
    settleWhatCan(writer);
    putAside?.();
    step = 'done';
  };
  try {
    writer.transaction(work, 'NORMAL');
  } catch (error) {
    // Another process has replaced it, or what cannot be committed is out of the way.
    if (error instanceof StaleIndex || (step as string) === 'done') return;
    if ((step as string) === 'begun' || isBusy(error)) throw error;
    work();
  }
}

function settleWhatCan(writer: AccountWriter): void {
  try {
    settleAll(writer);
  } catch (error) {
    writer.log.warn({ err: error }, 'could not bring file names up to date');
  }
}

/** Moves a broken index out of the way, unless another process has done so. */
export function setAside(home: string, inode: number, log: Log, cause: unknown): void {
  const lock = join(home, `${indexName}.repair`);
  try {
    mkdirSync(lock, { mode: 0o700 });
  } catch (error) {
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - since < 30_000) throw new Fault('unavailable', `${home}: the index is being repaired`, { cause: error });
  }
  try {
    const file = join(home, indexName);
    if (statSync(file, { throwIfNoEntry: false })?.ino !== inode) return;
    if (cause === null) log.info({}, `${file} is set aside, a new one is made from the Maildir`);
    else log.error({ err: cause }, `${file} is damaged: set aside, a new one is made from the Maildir`);
    // The WAL first: a new database must never meet the old one's.
    for (const suffix of ['-wal', '-shm', '']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.damaged${suffix}`);
    }
  } finally {
    rmdirSync(lock);
  }
}

function recover(writer: AccountWriter, isFresh: boolean): boolean {
  const row = writer.account.get();
  if (row === undefined || (row.ready === 1 && writer.mailboxes.find('INBOX')?.folder !== '')) throw new BrokenIndex('no INBOX');
  const isOtherBoot = row.ready === 1 && row.bootId !== bootId;
  if (isOtherBoot) {
    const complaints = quickCheck(writer.db);
    if (complaints.length > 0) throw new BrokenIndex(complaints.join('; '));
  }
  if (row.ready === 1 && !isOtherBoot) {
    if (row.rootStamp !== folderStamp(writer.root)) adoptFolders(writer);
    for (const mailbox of writer.mailboxes.all()) {
      checkMailbox(writer, mailbox);
      if (!isKnown(writer, mailbox)) catchUp(writer, mailbox);
    }
    removeGraves(writer);
    return writer.messages.unread(1).length > 0;
  }
  let unread = false;
  let isBegun = false;
  if (isOtherBoot) for (const mailbox of writer.mailboxes.all()) checkMailbox(writer, mailbox);
  writer.transaction(
    () => {
      const now = writer.account.get();
      if (now.ready === 1 && now.bootId === bootId) return;
      const inbox = readMailboxFile(writer.root);
      if (isFresh && inbox === null && now.ready === 0) {
        isBegun = true;
        foundInbox(writer);
        writer.account.setReady(true, bootId);
        return;
      }
      if (now.ready === 0) writer.account.setFounded(inbox?.founded ?? false);
      // Names may be behind rows whose renames never reached the disk.
      if (isOtherBoot) writer.messages.markAllDirty();
      if (!isFresh) mendFolders(writer.root);
      adoptFolders(writer);
      for (const mailbox of writer.mailboxes.all()) {
        if (readMailboxFile(writer.path(mailbox)) === null) writer.reserve(mailbox);
        if (isOtherBoot) writer.mailboxes.advance(mailbox.id, Math.max(mailbox.uidNext, mailbox.uidReserved + 1), mailbox.modseq);
        setTornAside(writer, mailbox);
        // quick: two scans without the second between them; rows without a file wait for the next look.
        if (scan(writer, mailbox.id, new Set(), true).unread) unread = true;
      }
      for (const name of readSubscriptionFile(writer.root)) writer.account.subscribe(name, true);
      writer.account.setReady(true, bootId);
      // What a new index says lies in names and small files as well.
    },
    isFresh ? 'NORMAL' : 'FULL',
  );
  if (isBegun) return false;
  settleAll(writer);
  removeGraves(writer);
  removeOldTemporary(writer.root);
  for (const folder of writer.takeFolders()) syncFolder(folder);
  return unread || writer.messages.unread(1).length > 0;
}

/** Gives mailboxes the parts whose names did not reach the disk before the power went: without them they would count as removed. */
function mendFolders(root: string): void {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || !/^\.[^.]/.test(entry.name)) continue;
    const path = join(root, entry.name);
    const parts = ['tmp', 'new', 'cur'];
    const missing = parts.filter((part) => lstatSync(join(path, part), { throwIfNoEntry: false }) === undefined);
    if (missing.length === 0 || (missing.length === parts.length && readMailboxFile(path) === null)) continue;
    for (const part of missing) mkdirSync(join(path, part), { mode: 0o700 });
    syncFolder(path);
  }
}

/** Whether the folder is as the rows know it. */
export const isKnown = (writer: AccountWriter, mailbox: MailboxRecord): boolean =>
  mailbox.newStamp === folderStamp(writer.path(mailbox, 'new')) && mailbox.curStamp === folderStamp(writer.path(mailbox, 'cur'));

/**
 * A folder changed while nobody looked, or the index is older than the folder (a backup): its files are read before a UID is drawn,
 * and UIDs that the folder says are taken are not drawn.
 */
function catchUp(writer: AccountWriter, mailbox: MailboxRecord): void {
  const file = readMailboxFile(writer.path(mailbox));
  if (file === null && existsSync(writer.path(mailbox))) writer.reserve(mailbox);
  const reserved = file?.reserved ?? 0;
  if (reserved > mailbox.uidReserved) {
    writer.transaction(() => {
      writer.mailboxes.advance(mailbox.id, Math.max(mailbox.uidNext, reserved + 1), mailbox.modseq);
      writer.mailboxes.setReserved(mailbox.id, reserved);
    }, 'FULL');
  }
  scan(writer, mailbox.id, new Set(), reserved > mailbox.uidReserved);
}

/** Folders of the disk that have no row get one; rows whose folder is gone look for it under another name, or go. */
export function adoptFolders(writer: AccountWriter): void {
  writer.transaction(() => {
    writer.account.setRootStamp(folderStamp(writer.root));
    writer.touchRoot();
    const known = new Map(writer.mailboxes.all().map((mailbox) => [mailbox.folder, mailbox]));
    const folders = readdirSync(writer.root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^\.[^.]/.test(entry.name) && nameOfFolder(entry.name) !== null)
      .map((entry) => entry.name)
      .filter((name) => existsSync(join(writer.root, name, 'cur')));
    for (const folder of ['', ...folders]) if (!known.has(folder)) adoptFolder(writer, folder);
    for (const mailbox of known.values()) {
      if (mailbox.folder === '' || folders.includes(mailbox.folder) || writer.mailboxes.get(mailbox.id)?.folder !== mailbox.folder)
        continue;
      restoreOrForget(writer, mailbox.id, mailbox.folder);
    }
  }, 'FULL');
}

function adoptFolder(writer: AccountWriter, folder: string): void {
  const name = nameOfFolder(folder)!;
  const path = join(writer.root, folder);
  const file = readMailboxFile(path);
  if (file !== null) {
    const same = writer.mailboxes.all().find((mailbox) => mailbox.objectId === file.objectId);
    // A folder that was renamed, by another program or just before a crash.
    if (same !== undefined && !existsSync(writer.path(same))) {
      if (writer.mailboxes.find(name) === undefined) writer.mailboxes.rename(same.id, name, folder);
      writer.listChanged();
      return;
    }
    if (same !== undefined) rmSync(join(path, 'postcote-mailbox'), { force: true });
  }
  if (writer.mailboxes.find(name) !== undefined) return;
  writer.makeFolder(folder);
  const kept = file !== null && !writer.mailboxes.all().some((mailbox) => mailbox.objectId === file.objectId) ? file : null;
  const before = kept === null ? importDovecot(path) : null;
  const highest = Math.max(kept?.uidValidity ?? before?.uidValidity ?? 0, kept?.highest ?? 0, writer.account.get().uidValidity);
  writer.account.setUidValidity(highest);
  const uidValidity = kept?.uidValidity ?? before?.uidValidity ?? nextUidValidity(writer);
  const reserved = kept?.reserved ?? (before === null ? 0 : before.uidNext - 1);
  const use = kept?.specialUse ?? null;
  const id = writer.mailboxes.insert({
    name,
    folder,
    objectId: kept?.objectId ?? newObjectId(),
    uidValidity,
    uidNext: reserved + 1,
    uidReserved: reserved,
    modseq: writer.nextModseq(),
    specialUse: use !== null && writer.mailboxes.all().some((mailbox) => mailbox.specialUse === use) ? null : use,
  });
  if (kept === null) writer.reserve(writer.mailbox(id));
  for (const [letter, keyword] of readKeywordFile(path)) writer.mailboxes.addKeyword(id, letter, keyword);
  readAnnotations(writer, { id, folder });
  writer.listChanged();
}

/** A crash between taking a folder away and its commit leaves it in `tmp/`; anything else was another program's wish. */
function restoreOrForget(writer: AccountWriter, id: number, folder: string): void {
  const left = readdirSync(join(writer.root, 'tmp')).find((name) => name.startsWith(`removed.${id}.`));
  if (left !== undefined) {
    renameSync(join(writer.root, 'tmp', left), join(writer.root, folder));
    syncFolder(writer.root);
    return;
  }
  writer.log.warn({ mailbox: writer.mailbox(id).name }, 'folder was removed by another program');
  writer.forget(id);
}

/** Folders of mailboxes whose deletion is committed. */
function removeGraves(writer: AccountWriter): void {
  for (const name of readdirSync(join(writer.root, 'tmp'))) {
    const id = /^removed\.(\d+)\./.exec(name)?.[1];
    if (id !== undefined && writer.mailboxes.get(Number(id)) === undefined)
      rmSync(join(writer.root, 'tmp', name), { recursive: true, force: true });
  }
}

const temporaryAge = 36 * 3_600_000;

/** What nobody will come back for. */
function removeOldTemporary(root: string): void {
  const folder = join(root, 'tmp');
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || name.startsWith('removed.')) continue;
    if (Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) > temporaryAge) rmSync(path, { recursive: true, force: true });
  }
}
