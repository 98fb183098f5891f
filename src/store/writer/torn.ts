import { lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parseFileName, splitPath } from '../files/name.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { AccountWriter } from './account-writer.ts';
import { removeRow } from './flags.ts';

/** Seconds that a file may wait for the disk, at most; a delivery that was not acknowledged before the power went is no older. */
const unwritten = 120;
const own = /^(\d+)\.M\d+P\d+Q\d+R[0-9a-f]{12}\./;

/**
 * When the power goes between a message's name and the journal's sync, its file may be shorter than it was. Nobody was told that it had
 * come, and what was acknowledged is back in its place by now: it goes to `tmp/`, from where it is removed after a while. Inside a
 * transaction, before a scan.
 */
export function setTornAside(writer: AccountWriter, mailbox: MailboxRecord): void {
  const files = (['new', 'cur'] as const).flatMap((part) => {
    try {
      return readdirSync(writer.path(mailbox, part)).map((name) => ({ part, name, second: Number(own.exec(name)?.[1] ?? 0) }));
    } catch {
      return [];
    }
  });
  const last = files.reduce((newest, { second }) => Math.max(newest, second), Math.floor(writer.account.get().modseq / 1e6));
  for (const { part, name, second } of files) {
    if (second < last - unwritten) continue;
    const parsed = parseFileName(name);
    if (parsed.uid === null || parsed.uidValidity !== mailbox.uidValidity || parsed.size === null) continue;
    const path = writer.path(mailbox, `${part}/${name}`);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile() || stat.size >= parsed.size) continue;
    writer.log.warn({ mailbox: mailbox.name, uid: parsed.uid }, 'a delivery that the machine did not finish is set aside');
    renameSync(path, join(writer.root, 'tmp', parsed.unique));
    writer.syncLater(writer.path(mailbox, part));
    const row = writer.messages.get(mailbox.id, parsed.uid);
    if (row === undefined || parseFileName(splitPath(row.file).name).unique !== parsed.unique) continue;
    const modseq = writer.nextModseq();
    removeRow(writer, mailbox, parsed.uid, modseq, null, null);
    if (row.contentId !== null) writer.contents.remove(row.contentId);
    writer.mailboxes.setModseq(mailbox.id, modseq);
  }
}
