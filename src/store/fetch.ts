import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { SortKeys } from '../mail/mime/part.ts';
import type { ModSeq, Uid } from '../mail/numbers.ts';
import { threadIdOf } from '../mail/thread-id.ts';
import { BlockRow } from './block-row.ts';
import { isOwn, parseFileName, splitPath } from './files/name.ts';
import { readSmallFile } from './message-file.ts';
import type { Reader } from './reader.ts';
import type { Column, MessageRow } from './store.ts';
import { type Block, isOctets } from './tables/block.ts';
import type { ContentColumn } from './tables/content.ts';
import type { MessageRecord } from './tables/message.ts';
import { factsOfFile } from './writer/content.ts';

/** Rows read at a step. */
const step = 200;
/** Messages a store thread reads at a time while somebody waits for them. */
export const readStep = 200;

/** The part of a file's name that MOVE and COPY keep. */
export const uniqueOf = (file: string): string => parseFileName(splitPath(file).name).unique;

/** Without folder, flags and `N=`. */
function fileNameOf(file: string): string {
  const { unique, fields } = parseFileName(splitPath(file).name);
  return unique + fields;
}

/** RFC 8474 5.1: 1 to 255 of A-Z a-z 0-9 _ - */
export const emailIdOf = (file: string): string => `M${hash('sha1', uniqueOf(file), 'base64url')}`;

class Row {
  readonly uid: Uid;
  readonly flags: number;
  readonly moreKeywords: readonly string[];
  readonly modSeq: ModSeq;
  readonly internalDate: number;
  readonly zone: number | null;
  readonly size: number;
  readonly saveDate: number;
  declare readonly sortKeys?: string;
  readonly #record: MessageRecord;
  readonly #mailbox: { readonly uidValidity: number };
  readonly #path: string;

  constructor(record: MessageRecord, more: readonly string[], root: string, folder: string, mailbox: { readonly uidValidity: number }) {
    this.uid = record.uid as Uid;
    this.flags = record.flags;
    this.moreKeywords = more;
    this.modSeq = record.modseq as ModSeq;
    this.internalDate = record.internalDate;
    this.zone = record.zone;
    this.size = record.size;
    this.saveDate = record.saveDate;
    this.#record = record;
    this.#mailbox = mailbox;
    this.#path = record.origin === null ? `${folder}${record.file}` : `${root}/${record.origin}`;
  }

  readOctets(longest: number): Buffer | null {
    const { fileSize } = this.#record;
    return fileSize <= longest && isOwn(this.#mailbox, this.#record) ? readSmallFile(this.#path, fileSize) : null;
  }

  get emailId(): string {
    return emailIdOf(this.#record.file);
  }

  get threadId(): string | null {
    return this.sortKeys === undefined ? null : threadIdOf(JSON.parse(this.sortKeys) as SortKeys, this.emailId);
  }

  get unique(): string {
    return uniqueOf(this.#record.file);
  }
}

/** Rows of those of `uids` that exist. */
export function* fetchRows(
  reader: () => Reader,
  root: string,
  id: number,
  uids: ArrayLike<number>,
  columns: readonly Column[],
): IterableIterator<readonly MessageRow[]> {
  const stored = columns.filter((column): column is ContentColumn => column !== 'header' && column !== 'fileName');
  const wantsName = columns.includes('fileName');
  const wantsHeader = columns.includes('header');
  const octets = columns.filter(isOctets);
  const together = octets.length > 0 && octets.length === columns.length;
  for (let from = 0; from < uids.length; from += step) {
    const to = Math.min(from + step, uids.length);
    const source = reader();
    const mailbox = source.mailbox(id);
    const { folder } = mailbox;
    const place = `${join(root, folder)}/`;
    yield source.atOnce(() => {
      const content = stored.length > 0 ? source.contents.reader(stored) : null;
      const hasMore = source.messages.hasMoreKeywords(id);
      const more = (uid: number): readonly string[] => (hasMore ? source.messages.moreKeywordsOf(id, uid) : []);
      const rowOf = (record: MessageRecord): MessageRow => {
        const row: MessageRow = new Row(record, more(record.uid), root, place, mailbox);
        if (columns.length === 0) return row;
        if (wantsName) Object.assign(row, { fileName: fileNameOf(record.file) });
        if (stored.length === 0 && !wantsHeader) return row;
        const known = record.contentId === null ? undefined : content === null ? {} : content(record.contentId);
        if (record.contentId === null || known === undefined) {
          const file = join(root, record.origin ?? join(folder, record.file));
          return isOwn(mailbox, record) ? Object.assign(row, readNow(file, columns)) : row;
        }
        Object.assign(row, known);
        if (wantsHeader) Object.assign(row, { header: source.contents.header(record.contentId) });
        return row;
      };
      const one = (uid: number): MessageRow | null => {
        const record = source.messages.get(id, uid);
        return record === undefined ? null : rowOf(record);
      };
      const rows =
        together && isDense(uids, from, to)
          ? blockRows(source.blocks.range(octets, id, uids[from]!, uids[to - 1]!), uids, from, to, more, one)
          : records(source, id, uids, from, to).map(rowOf);
      if (rows.length < to - from) source.missed(id, uids, from, to, rows);
      return rows;
    });
  }
}

/** Most between the first and the last are wanted. */
const isDense = (uids: ArrayLike<number>, from: number, to: number): boolean => uids[to - 1]! - uids[from]! < 2 * (to - from);

/** @param one the row by itself, for what a block does not have; null where the message is gone */
function blockRows(
  block: Block,
  uids: ArrayLike<number>,
  from: number,
  to: number,
  more: (uid: number) => readonly string[],
  one: (uid: number) => MessageRow | null,
): MessageRow[] {
  const rows: MessageRow[] = [];
  let next = from;
  for (let at = 0; at < block.count; at++) {
    const uid = block.uid(at);
    while (next < to && uids[next]! < uid) next++;
    if (next === to) break;
    if (uids[next] !== uid) continue;
    const row = block.isRead(at) ? new BlockRow(block, at, more(uid), one) : one(uid);
    if (row !== null) rows.push(row);
  }
  return rows;
}

function records(source: Reader, id: number, uids: ArrayLike<number>, from: number, to: number): MessageRecord[] {
  const [first, last] = [uids[from]!, uids[to - 1]!];
  if (isDense(uids, from, to)) {
    let next = from;
    return source.messages.range(id, first, last).filter(({ uid }) => {
      while (next < to && uids[next]! < uid) next++;
      return next < to && uids[next] === uid;
    });
  }
  const found: MessageRecord[] = [];
  for (let i = from; i < to; i++) {
    const record = source.messages.get(id, uids[i]!);
    if (record !== undefined) found.push(record);
  }
  return found;
}

/** A message adopted from another program whose content is not in the index yet. */
function readNow(path: string, columns: readonly Column[]): Partial<MessageRow> {
  const read = factsOfFile(path);
  if (read === null) return columns.includes('header') ? { header: null } : {};
  const { facts, header } = read;
  const all: Record<Exclude<Column, 'fileName'>, unknown> = {
    envelope: Buffer.from(facts.envelope, 'latin1'),
    bodyStructure: Buffer.from(facts.bodyStructure, 'latin1'),
    body: Buffer.from(facts.body, 'latin1'),
    structure: JSON.stringify(facts.root),
    header: header === null ? null : Buffer.from(header),
    preview: facts.preview,
    sortKeys: JSON.stringify(facts.sortKeys),
  };
  return Object.fromEntries(columns.flatMap((column) => (column === 'fileName' ? [] : [[column, all[column]]])));
}
