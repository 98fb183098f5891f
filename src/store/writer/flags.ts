import { deleted } from '../../mail/flags.ts';
import type { FlagChange } from '../store.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { AccountWriter, Operation } from './account-writer.ts';
import { mustBeGone } from './mend.ts';

/** Rows as columns: cheap to hand between threads. */
export interface FlagColumns {
  readonly uids: Uint32Array;
  readonly flags: Uint32Array;
  readonly modseqs: Float64Array;
  readonly more: Map<number, readonly string[]>;
  readonly modified: Uint32Array;
  /** The mailbox's modseq before and after: whoever knew all up to the one knows all up to the other. */
  readonly before: number;
  readonly after: number;
}

export interface StoreRequest {
  readonly mailbox: number;
  readonly uids: Uint32Array;
  readonly change: FlagChange;
  readonly unchangedSince: number | null;
}

/** STORE. The file gets its new name after the answer. RFC 9051 6.4.6, RFC 7162 3.1.3 */
export function store(writer: AccountWriter, request: StoreRequest): Operation<FlagColumns> {
  return {
    durable: true,
    run() {
      const mailbox = writer.mailbox(request.mailbox);
      const { op, flags: names } = request.change;
      const change = writer.flagsOf(mailbox, names, op !== 'remove');
      const withMore = change.more.length > 0 || (op === 'replace' && writer.messages.hasMoreKeywords(mailbox.id));
      const hasMore = withMore || writer.messages.hasMoreKeywords(mailbox.id);
      const rows: [number, number, number][] = [];
      const more = new Map<number, readonly string[]>();
      const modified: number[] = [];
      let modseq = 0;
      for (const uid of request.uids) {
        const row = writer.messages.flags(mailbox.id, uid);
        if (row === undefined) {
          mustBeGone(writer, mailbox, uid);
          continue;
        }
        if (request.unchangedSince !== null && row.modseq > request.unchangedSince) {
          modified.push(uid);
          continue;
        }
        const flags = op === 'replace' ? change.bits : op === 'add' ? row.flags | change.bits : row.flags & ~change.bits;
        const oldMore = hasMore ? writer.messages.moreKeywordsOf(mailbox.id, uid) : [];
        const newMore = withMore ? merged(op, oldMore, change.more) : oldMore;
        if (newMore.length > 0) more.set(uid, newMore);
        if (flags === row.flags && newMore.join() === oldMore.join()) {
          rows.push([uid, flags, row.modseq]);
          continue;
        }
        modseq ||= writer.nextModseq();
        writer.messages.setFlags(mailbox.id, uid, flags, modseq);
        if (newMore !== oldMore) writer.messages.setMoreKeywords(mailbox.id, uid, newMore);
        rows.push([uid, flags, modseq]);
      }
      if (modseq > 0) {
        writer.mailboxes.setModseq(mailbox.id, modseq);
        writer.hint(mailbox.id, modseq);
      }
      return {
        uids: Uint32Array.from(rows, (row) => row[0]),
        flags: Uint32Array.from(rows, (row) => row[1]),
        modseqs: Float64Array.from(rows, (row) => row[2]),
        more,
        modified: Uint32Array.from(modified),
        before: mailbox.modseq,
        after: modseq > 0 ? modseq : mailbox.modseq,
      };
    },
  };
}

function merged(op: FlagChange['op'], old: readonly string[], change: readonly string[]): readonly string[] {
  if (op === 'replace') return change;
  const named = new Set(change.map((name) => name.toLowerCase()));
  const rest = old.filter((name) => !named.has(name.toLowerCase()));
  if (op === 'remove') return rest;
  const known = new Set(old.map((name) => name.toLowerCase()));
  return [...old, ...change.filter((name) => !known.has(name.toLowerCase()))];
}

export interface ExpungeRequest {
  readonly mailbox: number;
  readonly uids: Uint32Array;
  readonly force: boolean;
}

/** EXPUNGE: the files go after the answer. RFC 9051 6.4.3, 6.4.9 */
export function expunge(writer: AccountWriter, request: ExpungeRequest): Operation<Uint32Array> {
  return {
    durable: true,
    run() {
      const mailbox = writer.mailbox(request.mailbox);
      const rows = writer.messages.some(mailbox.id, JSON.stringify(Array.from(request.uids)));
      if (rows.length < request.uids.length) {
        const there = new Set(rows.map(({ uid }) => uid));
        for (const uid of request.uids) if (!there.has(uid)) mustBeGone(writer, mailbox, uid);
      }
      const gone = rows.filter(({ flags }) => request.force || (flags & deleted) !== 0);
      for (const row of gone) writer.mustBeOwn(mailbox, row);
      if (gone.length > 0) {
        const modseq = writer.nextModseq();
        const uids = JSON.stringify(gone.map(({ uid }) => uid));
        writer.tombstones.insertSome(mailbox.id, uids, modseq, mailbox.folder);
        writer.messages.removeSome(mailbox.id, uids);
        writer.mailboxes.setModseq(mailbox.id, modseq);
        writer.hint(mailbox.id, modseq);
      }
      return Uint32Array.from(gone, ({ uid }) => uid);
    },
  };
}

/** @param file below the Maildir: what is to be unlinked; null when there is nothing */
export function removeRow(
  writer: AccountWriter,
  mailbox: MailboxRecord,
  uid: number,
  modseq: number,
  file: string | null,
  contentId: number | null,
): void {
  writer.messages.remove(mailbox.id, uid);
  writer.messages.setMoreKeywords(mailbox.id, uid, []);
  writer.tombstones.insert(mailbox.id, uid, modseq, file, contentId);
}

/** RFC 3501 2.3.2: the first session to see them. */
export function claimRecent(writer: AccountWriter, mailbox: number): Operation<readonly [from: number, before: number]> {
  return {
    durable: false,
    run() {
      const { firstRecent, uidNext } = writer.mailbox(mailbox);
      if (firstRecent !== uidNext) writer.mailboxes.setRecent(mailbox, uidNext);
      return [firstRecent, uidNext];
    },
  };
}
