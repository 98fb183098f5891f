import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { FactsReader } from '../../mail/mime/facts.ts';
import type { MessageFacts } from '../../mail/mime/part.ts';
import { longestHeader } from '../tables/content.ts';
import type { UnreadRecord } from '../tables/message.ts';
import type { AccountWriter } from './account-writer.ts';

export interface FileFacts {
  readonly facts: MessageFacts;
  /** null when too long to keep. */
  readonly header: Uint8Array | null;
}

/** Octets read at a time, into the same memory for each file. */
const piece = 1 << 16;
let room: Buffer | null = null;

/**
 * Reads a stored message; null where it is gone or no plain file. Blocks.
 * @param size octets that it should have: only a plain file has just so many, so that nobody needs to look what it is
 */
export function factsOfFile(path: string, size = -1): FileFacts | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'EACCES') return null;
    throw error;
  }
  try {
    return readFacts(fd, size);
  } finally {
    closeSync(fd);
  }
}

function readFacts(fd: number, size: number): FileFacts | null {
  room ??= Buffer.allocUnsafeSlow(piece);
  const next = (): number => readSync(fd, room!, 0, piece, null);
  let length = size > 0 && size < piece ? next() : 0;
  const reader = new FactsReader();
  if (size > 0 && length === size) {
    reader.write(room.subarray(0, length));
    const facts = reader.end();
    return { facts, header: Buffer.from(room.subarray(0, facts.headerSize)) };
  }
  if (!fstatSync(fd).isFile()) return null;
  const start: Buffer[] = [];
  let kept = 0;
  for (length ||= next(); length > 0; length = next()) {
    const read = room.subarray(0, length);
    reader.write(read);
    if (kept < longestHeader) start.push(Buffer.from(read));
    kept += length;
  }
  const facts = reader.end();
  return { facts, header: facts.headerSize <= longestHeader ? Buffer.concat(start).subarray(0, facts.headerSize) : null };
}

/** Reads contents that were put off, a slice at a time. @returns whether there may be more */
export function readContents(writer: AccountWriter, limit = 100): boolean {
  const rows = writer.messages.unread(limit);
  return rows.length > 0 && readThese(writer, rows) > 0 && rows.length === limit;
}

/** Reads those contents of a mailbox that were put off and are wanted now. */
export function readWanted(writer: AccountWriter, mailbox: number, uids: Uint32Array): void {
  const rows = writer.messages.unreadAmong(mailbox, JSON.stringify(Array.from(uids)));
  if (rows.length > 0) readThese(writer, rows);
}

/** @returns how many could be read */
function readThese(writer: AccountWriter, rows: readonly UnreadRecord[]): number {
  const folders = new Map<number, string | undefined>();
  for (const { mailbox } of rows) if (!folders.has(mailbox)) folders.set(mailbox, writer.mailboxes.get(mailbox)?.folder);
  const found = rows.map((row) => {
    const folder = folders.get(row.mailbox);
    return folder === undefined ? null : factsOfFile(writer.pathOf({ folder }, row), row.fileSize);
  });
  let done = 0;
  writer.growCache();
  writer.transaction(() => {
    for (const [i, { mailbox, uid }] of rows.entries()) {
      const read = found[i]!;
      // Another process may have read it meanwhile, or it went.
      if (read === null || !writer.messages.isUnread(mailbox, uid)) continue;
      writer.messages.setContent(mailbox, uid, writer.contents.insert(read.facts, read.header), read.facts);
      done++;
    }
  }, 'NORMAL');
  return done;
}
