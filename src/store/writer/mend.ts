import { integrityCheck } from '../../db/transaction.ts';
import { readMailboxFile } from '../files/mailbox-file.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { FileRecord } from '../tables/message.ts';
import { type AccountWriter, BrokenIndex } from './account-writer.ts';

/*
 * Damage that SQLite does not notice: a changed octet in a name, a number or a text. What no program can have made true by what it
 * did to the Maildir tells the whole index is not to be believed, and it is made anew from the files, which carry UIDs and flags in
 * their names.
 */

/**
 * What a folder says of itself against its row, at each opening. UIDs that were drawn and are not reserved, as after a folder
 * came back from a backup, are reserved again.
 *
 * @throws BrokenIndex
 */
export function checkMailbox(writer: AccountWriter, mailbox: MailboxRecord): void {
  if (complaint(writer, mailbox) === null) return;
  // Another process may have written between two looks: once more while none can.
  writer.transaction(() => {
    const known = writer.mailboxes.get(mailbox.id);
    if (known === undefined) return;
    const found = complaint(writer, known);
    if (found === 'reserved') writer.reserve(known, known.uidNext - 1);
    else if (found !== null) throw new BrokenIndex(`${known.name}: ${found}`);
  }, 'FULL');
}

function complaint(writer: AccountWriter, mailbox: MailboxRecord): string | null {
  const highest = writer.messages.highestUid(mailbox.id);
  if (highest >= mailbox.uidNext || mailbox.uidNext > 0xffff_ffff) return `UIDNEXT ${mailbox.uidNext}, highest UID ${highest}`;
  const file = readMailboxFile(writer.path(mailbox));
  if (file === null) return null;
  if (file.uidValidity !== mailbox.uidValidity) return `UIDVALIDITY ${mailbox.uidValidity}, the folder says ${file.uidValidity}`;
  if (file.objectId !== mailbox.objectId) return `is ${mailbox.objectId}, the folder says ${file.objectId}`;
  return file.reserved < mailbox.uidNext - 1 ? 'reserved' : null;
}

/**
 * Reads the whole index; sound on return.
 *
 * @param broken inode of an index known to be damaged
 * @throws BrokenIndex
 */
export function mustBeSound(writer: AccountWriter, broken: number | null): void {
  if (writer.inode === broken) throw new BrokenIndex('a reader met damage');
  const complaints = integrityCheck(writer.db);
  if (complaints.length > 0) throw new BrokenIndex(complaints.join('; '));
  writer.transaction(() => checkRows(writer), 'FULL');
}

const sound = new WeakSet<AccountWriter>();

/**
 * Somebody knows of a message that has no row: it went, or its row is where SQLite does not find it. What went long ago has no
 * tombstone either, so the index is looked through, once.
 *
 * @throws BrokenIndex
 */
export function mustBeGone(writer: AccountWriter, mailbox: MailboxRecord, uid: number): void {
  if (sound.has(writer) || writer.tombstones.has(mailbox.id, uid) !== undefined) return;
  const complaints = integrityCheck(writer.db);
  if (complaints.length > 0) throw new BrokenIndex(`${mailbox.name}: no row of UID ${uid}; ${complaints.join('; ')}`);
  sound.add(writer);
}

/** All rows of a mailbox. Inside a transaction. @throws BrokenIndex where they are not as many as were counted */
export function allRows(writer: AccountWriter, mailbox: MailboxRecord): FileRecord[] {
  const rows = writer.messages.files(mailbox.id);
  if (rows.length !== mailbox.messages) throw new BrokenIndex(`${mailbox.name}: ${rows.length} rows, ${mailbox.messages} counted`);
  return rows;
}

function checkRows(writer: AccountWriter): void {
  for (const mailbox of writer.mailboxes.all()) {
    checkMailbox(writer, mailbox);
    for (const row of allRows(writer, mailbox)) writer.mustBeOwn(mailbox, row);
  }
  const swapped = writer.messages.swapped();
  if (swapped !== undefined) throw new BrokenIndex(`UID ${swapped.uid} has another message's content`);
}
