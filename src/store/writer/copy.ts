import { constants, copyFileSync, linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFile } from '../../base/durable-file.ts';
import { Fault } from '../../mail/fault.ts';
import { firstKeywordBit } from '../../mail/flags.ts';
import { baseName, lettersOfBits, parseFileName, splitPath } from '../files/name.ts';
import { canonicalName } from '../files/paths.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { MessageRecord } from '../tables/message.ts';
import type { AccountWriter, Operation } from './account-writer.ts';
import { removeRow } from './flags.ts';
import { mustBeGone } from './mend.ts';
import { locate } from './settle.ts';

export interface CopyRequest {
  readonly mailbox: number;
  readonly uids: Uint32Array;
  readonly target: string;
  readonly quota: number;
}

export interface CopiedTo {
  readonly target: number;
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
}

const keywordMask = ~((1 << firstKeywordBit) - 1);

/** Letters differ between mailboxes: bits of one in terms of another. */
function keywordMap(
  writer: AccountWriter,
  source: MailboxRecord,
  target: MailboxRecord,
): (bits: number, more: readonly string[]) => { bits: number; more: string[] } {
  const names = writer.mailboxes.keywords(source.id);
  const known = new Map<string, { bits: number; more: string[] }>();
  return (bits, more) => {
    if ((bits & keywordMask) === 0 && more.length === 0) return { bits, more: [] };
    const wanted = names.filter((name, letter) => name !== '' && (bits & (1 << (firstKeywordBit + letter))) !== 0);
    const key = [...wanted, '', ...more].join(' ');
    let mapped = known.get(key);
    if (mapped === undefined) {
      mapped = writer.flagsOf(target, [...wanted, ...more], true);
      known.set(key, mapped);
    }
    return { bits: (bits & ~keywordMask) | mapped.bits, more: mapped.more };
  };
}

/** COPY: one more name for the same file, which never changes. RFC 9051 6.4.7 */
export function copy(writer: AccountWriter, request: CopyRequest): Operation<CopiedTo> {
  return {
    durable: true,
    run: () =>
      transfer(writer, request, (row, source, target, base, bits) => {
        const file = `cur/${base}:2,${lettersOfBits(bits)}`;
        const path = writer.path(target, file);
        link(writer, source, row, path);
        writer.onUndo(() => rmSync(path, { force: true }));
        writer.syncLater(writer.path(target, 'cur'));
        return { file, origin: null, dirty: 0 };
      }),
  };
}

function link(writer: AccountWriter, source: MailboxRecord, row: MessageRecord, to: string): void {
  let from = writer.pathOf(source, row);
  for (let attempt = 0; ; attempt++) {
    try {
      linkSync(from, to);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EMLINK' || code === 'EPERM' || code === 'ENOTSUP') {
        copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        syncFile(to);
        return;
      }
      const found = code === 'ENOENT' && attempt < 10 ? locate(writer, source, row.uid) : null;
      if (found === null) throw new Fault('unavailable', `${from} is missing`, { cause: error });
      from = writer.path(source, found);
    }
  }
}

/** MOVE: rows now, files after the answer. RFC 9051 6.4.8 */
export function move(writer: AccountWriter, request: CopyRequest): Operation<CopiedTo> {
  return {
    durable: true,
    run() {
      const modseq = writer.nextModseq();
      const source = writer.mailbox(request.mailbox);
      const result = transfer(writer, { ...request, quota: 0 }, (row, _file, _target, base, bits) => {
        const file = bits === 0 && row.file.startsWith('new/') ? `new/${base}` : `cur/${base}:2,${lettersOfBits(bits)}`;
        removeRow(writer, source, row.uid, modseq, null, null);
        return { file, origin: row.origin ?? join(source.folder, row.file), dirty: 1 };
      });
      if (result.sources.length > 0) {
        writer.mailboxes.setModseq(source.id, modseq);
        writer.hint(source.id, modseq);
      }
      return result;
    },
  };
}

type Placed = Pick<MessageRecord, 'file' | 'origin' | 'dirty'>;

function transfer(
  writer: AccountWriter,
  request: CopyRequest,
  placeOne: (row: MessageRecord, source: MailboxRecord, target: MailboxRecord, base: string, bits: number) => Placed,
): CopiedTo {
  const source = writer.mailbox(request.mailbox);
  const target = writer.named(canonicalName(request.target));
  const rows: MessageRecord[] = [];
  let bytes = 0;
  for (const uid of request.uids) {
    const row = writer.messages.get(source.id, uid);
    if (row === undefined) {
      mustBeGone(writer, source, uid);
      continue;
    }
    writer.mustBeOwn(source, row);
    rows.push(row);
    bytes += row.size;
  }
  if (request.quota > 0 && rows.length > 0 && writer.account.usage().bytes + bytes > request.quota)
    throw new Fault('overQuota', writer.address);
  const sources = Uint32Array.from(rows, (row) => row.uid);
  const targets = new Uint32Array(rows.length);
  if (rows.length === 0) return { target: target.id, sources, targets };
  writer.touch(target);
  const modseq = writer.nextModseq();
  const first = writer.drawUids(target, rows.length, modseq);
  const mapped = keywordMap(writer, source, target);
  const hasMore = writer.messages.hasMoreKeywords(source.id);
  const saveDate = Date.now();
  rows.forEach((row, i) => {
    const uid = first + i;
    const { bits, more } = mapped(row.flags, hasMore ? writer.messages.moreKeywordsOf(source.id, row.uid) : []);
    const base = baseName(parseFileName(splitPath(row.file).name), target.uidValidity, uid);
    const placed = placeOne(row, source, target, base, bits);
    writer.messages.insert(target.id, { ...row, ...placed, uid, flags: bits, modseq, saveDate });
    if (more.length > 0) writer.messages.setMoreKeywords(target.id, uid, more);
    targets[i] = uid;
  });
  return { target: target.id, sources, targets };
}
