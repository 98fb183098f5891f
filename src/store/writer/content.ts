import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { FactsReader } from '../../mail/mime/facts.ts';
import type { MessageFacts } from '../../mail/mime/part.ts';
import { longestHeader } from '../tables/content.ts';
import type { AccountWriter } from './account-writer.ts';

export interface FileFacts {
  readonly facts: MessageFacts;
  /** null when too long to keep. */
  readonly header: Uint8Array | null;
}

/** Reads a stored message; null where it is gone or no plain file. Blocks. */
export function factsOfFile(path: string): FileFacts | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'EACCES') return null;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return null;
    // Just what a small message needs, and one octet more: less than that many read is its end.
    const room = Math.min(1 << 16, stat.size + 1);
    const reader = new FactsReader();
    const start: Uint8Array[] = [];
    let kept = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafeSlow(room);
      const length = readSync(fd, chunk, 0, room, null);
      if (length === 0) break;
      const read = chunk.subarray(0, length);
      reader.write(read);
      if (kept < longestHeader) start.push(read);
      kept += length;
    }
    const facts = reader.end();
    return { facts, header: facts.headerSize <= longestHeader ? Buffer.concat(start).subarray(0, facts.headerSize) : null };
  } finally {
    closeSync(fd);
  }
}

/** Reads contents that were put off, a slice at a time. @returns whether there may be more */
export function readContents(writer: AccountWriter, limit = 100): boolean {
  const rows = writer.messages.unread(limit);
  return rows.length > 0 && readThese(writer, rows) > 0 && rows.length === limit;
}

/** Reads those contents of a mailbox that were put off and are wanted now. */
export function readWanted(writer: AccountWriter, mailbox: number, uids: Uint32Array): void {
  const rows: { mailbox: number; uid: number }[] = [];
  for (const uid of uids) if (writer.messages.get(mailbox, uid)?.contentId === null) rows.push({ mailbox, uid });
  if (rows.length > 0) readThese(writer, rows);
}

/** @returns how many could be read */
function readThese(writer: AccountWriter, rows: readonly { readonly mailbox: number; readonly uid: number }[]): number {
  const found = rows.map(({ mailbox, uid }) => {
    const row = writer.messages.get(mailbox, uid);
    const folder = writer.mailboxes.get(mailbox)?.folder;
    if (row === undefined || folder === undefined) return null;
    return { mailbox, uid, read: factsOfFile(join(writer.root, row.origin ?? join(folder, row.file))) };
  });
  let done = 0;
  writer.transaction(() => {
    for (const entry of found) {
      if (entry === null || entry.read === null) continue;
      const row = writer.messages.get(entry.mailbox, entry.uid);
      if (row === undefined || row.contentId !== null) continue;
      const { facts, header } = entry.read;
      writer.messages.setContent(entry.mailbox, entry.uid, writer.contents.insert(facts, header), facts);
      done++;
    }
  }, 'NORMAL');
  return done;
}
