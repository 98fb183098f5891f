import { isFull } from '../../db/open.ts';
import { folderStamp } from '../files/stamp.ts';
import { writeSubscriptionFile } from '../files/subscription-file.ts';
import { type AccountWriter, uidBlock } from './account-writer.ts';
import { createMailbox, newObjectId, nextUidValidity } from './mailboxes.ts';

/*
 * An account is made in two steps. The first message needs INBOX alone; the mailboxes for the special uses come when the account is
 * first opened for anything else. A crash in between leaves the mark that they are still to be made, in the index and in INBOX's file.
 */

/** INBOX in a Maildir that was just made, its first UIDs reserved. Inside a transaction. */
export function foundInbox(writer: AccountWriter): void {
  writer.account.setFounded(false);
  const id = writer.mailboxes.insert({
    name: 'INBOX',
    folder: '',
    objectId: newObjectId(),
    uidValidity: nextUidValidity(writer),
    uidNext: 1,
    uidReserved: 0,
    modseq: writer.nextModseq(),
    specialUse: null,
  });
  const inbox = writer.mailbox(id);
  writer.mailboxes.setStamps(id, folderStamp(writer.path(inbox, 'new')), folderStamp(writer.path(inbox, 'cur')), Date.now());
  writer.reserve(inbox, uidBlock);
  writer.account.setRootStamp(folderStamp(writer.root));
  writer.listChanged();
}

/** What every account has, where it is missing: mailboxes for the special uses, subscribed. RFC 6154 */
export function found(writer: AccountWriter): void {
  if (writer.account.get().founded === 1) return;
  try {
    writer.transaction(() => foundAll(writer), 'FULL');
  } catch (error) {
    // What is there can be read all the same.
    if (!isFull(error)) throw error;
    writer.log.warn({ err: error }, 'no room for the mailboxes that every account has: they come later');
  }
}

function foundAll(writer: AccountWriter): void {
  if (writer.account.get().founded === 1) return;
  writer.touchRoot();
  for (const [name, use] of writer.settings.mailboxes) {
    const known = writer.mailboxes.find(name);
    if (known === undefined) create(writer, name, use);
    else if (known.specialUse === null && !writer.mailboxes.all().some(({ specialUse }) => specialUse === use)) {
      writer.mailboxes.setSpecialUse(known.id, use);
      writer.reserve({ ...known, specialUse: use });
    }
    writer.account.subscribe(name, true);
  }
  writer.account.subscribe('INBOX', true);
  // Synced, and with it the names of all folders.
  writeSubscriptionFile(writer.root, writer.account.subscriptions());
  writer.account.setFounded(true);
  writer.reserve(writer.mailboxes.findFolder('')!);
}

function create(writer: AccountWriter, name: string, use: string): void {
  writer.isFounding = true;
  try {
    const isTaken = writer.mailboxes.all().some(({ specialUse }) => specialUse === use);
    createMailbox(writer, name, isTaken ? null : use);
  } finally {
    writer.isFounding = false;
  }
}
