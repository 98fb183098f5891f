import type { ModSeq, Uid, UidValidity } from '../mail/numbers.ts';
import { type Columns, closeGaps, columnsOf, grown } from './columns.ts';
import type { Reader } from './reader.ts';
import type { MailboxSnapshot } from './store.ts';
import type { MailboxRecord } from './tables/mailbox.ts';
import { lowerBound } from './uid-set.ts';
import type { FlagColumns } from './writer/flags.ts';

/** A mailbox's UIDs, flags and modseqs as arrays, brought up to date from what changed. Arrays handed out are never written again. */
export class View {
  #uids: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #flags: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #modseqs: Float64Array<ArrayBuffer> = new Float64Array(0);
  #size = 0;
  /** modseq of the mailbox the arrays stand for; -1: nothing read yet. */
  #highest = -1;
  #snapshot: MailboxSnapshot | null = null;
  /** Flags and modseqs were handed out. */
  #isShared = false;
  #hasSharedUids = false;

  get isCold(): boolean {
    return this.#highest === -1;
  }

  get highest(): number {
    return this.#highest;
  }

  /** Takes what a store thread has read. */
  fill(loaded: { uids: Uint32Array; flags: Uint32Array; modseqs: Float64Array; highest: number }): void {
    if (loaded.highest <= this.#highest) return;
    this.#set(loaded as Columns);
    this.#highest = loaded.highest;
  }

  /** Takes what was kept. That this is all there was shows when what came since is added. */
  begin(columns: Columns, highest: number): void {
    this.#set(columns);
    this.#highest = highest;
  }

  /** Takes what a change of flags has answered, where nothing else happened since the view was brought up to date. */
  learn({ uids, flags, modseqs, before, after }: Omit<FlagColumns, 'more' | 'modified'>): void {
    if (before !== this.#highest || after === before) return;
    this.#own();
    let at = 0;
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i]!;
      if (uids.length * 16 < this.#size) at = find(this.#uids, this.#size, uid);
      else while (at < this.#size && this.#uids[at]! < uid) at++;
      if (this.#uids[at] !== uid) {
        // Not as the rows are: read anew.
        this.#highest = -1;
        return;
      }
      this.#flags[at] = flags[i]!;
      this.#modseqs[at] = modseqs[i]!;
    }
    this.#highest = after;
    this.#snapshot = null;
  }

  #set({ uids, flags, modseqs }: Columns): void {
    this.#uids = uids;
    this.#flags = flags;
    this.#modseqs = modseqs;
    this.#size = uids.length;
    this.#snapshot = null;
    this.#isShared = false;
    this.#hasSharedUids = false;
  }

  /** Before flags or modseqs are changed. */
  #own(): void {
    if (!this.#isShared) return;
    this.#isShared = false;
    this.#flags = this.#flags.slice();
    this.#modseqs = this.#modseqs.slice();
  }

  snapshot(reader: Reader, id: number): MailboxSnapshot {
    const known = reader.mailbox(id);
    const last = this.#snapshot;
    if (last !== null && known.modseq === this.#highest && last.uidNext === known.uidNext && last.uidValidity === known.uidValidity)
      return last;
    return reader.atOnce(() => {
      const record = this.#current(reader, id);
      const size = this.#size;
      this.#isShared = true;
      this.#hasSharedUids = true;
      this.#snapshot = {
        uidValidity: record.uidValidity as UidValidity,
        uidNext: record.uidNext as Uid,
        highestModSeq: record.modseq as ModSeq,
        uids: this.#uids.subarray(0, size),
        flags: this.#flags.subarray(0, size),
        modSeqs: this.#modseqs.subarray(0, size),
        moreKeywords: reader.messages.hasMoreKeywords(id) ? (reader.messages.moreKeywords(id) as Map<Uid, readonly string[]>) : none,
      };
      return this.#snapshot;
    });
  }

  /** UIDs of messages with a flag, ascending. Nothing is handed out, so what changes next need not be copied. */
  withFlag(reader: Reader, id: number, bit: number): Uint32Array {
    const found: number[] = [];
    reader.atOnce(() => this.#current(reader, id));
    for (let at = 0; at < this.#size; at++) if ((this.#flags[at]! & bit) !== 0) found.push(this.#uids[at]!);
    return Uint32Array.from(found);
  }

  /** Brings the arrays up to date, inside a read transaction: row and messages of one moment. */
  #current(reader: Reader, id: number): MailboxRecord {
    const record = reader.mailboxes.get(id) ?? reader.mailbox(id);
    if (record.modseq !== this.#highest) this.#update(reader, id, record.modseq, record.tombstoneFloor);
    // It began with what was kept, or rows lie where they are not found.
    if (this.#size !== record.messages && !reader.isDoubted) {
      this.#set(columnsOf(reader.messages.allFlags(id)));
      if (this.#size !== record.messages) reader.doubt();
    }
    return record;
  }

  #update(reader: Reader, id: number, highest: number, floor: number): void {
    const from = this.#highest;
    this.#highest = highest;
    this.#snapshot = null;
    if (from < floor || from > highest) {
      this.#set(columnsOf(reader.messages.allFlags(id)));
      return;
    }
    const changed = reader.messages.changedSince(id, from);
    const gone = reader.tombstones.since(id, from);
    const first = this.#size;
    for (const { uid, flags, modseq } of changed) {
      const at = find(this.#uids, first, uid);
      if (at !== -1) {
        this.#own();
        this.#flags[at] = flags;
        this.#modseqs[at] = modseq;
      } else if (this.#size === 0 || uid > this.#uids[this.#size - 1]!) this.#append(uid, flags, modseq);
      // A UID below those known appears only after a recovery.
      else {
        this.#set(columnsOf(reader.messages.allFlags(id)));
        return;
      }
    }
    if (gone.length > 0) this.#remove(gone);
  }

  /** Beyond what was handed out: earlier snapshots do not see it. */
  #append(uid: number, flags: number, modseq: number): void {
    const n = this.#size++;
    if (n === this.#uids.length) {
      const size = Math.max(64, Math.ceil(n * 1.25));
      [this.#uids, this.#flags, this.#modseqs] = [grown(this.#uids, size), grown(this.#flags, size), grown(this.#modseqs, size)];
    }
    this.#uids[n] = uid;
    this.#flags[n] = flags;
    this.#modseqs[n] = modseq;
  }

  /** @param gone ascending */
  #remove(gone: readonly number[]): void {
    const places = gone.map((uid) => find(this.#uids, this.#size, uid)).filter((at) => at !== -1);
    if (places.length === 0) return;
    this.#own();
    if (this.#hasSharedUids) this.#uids = this.#uids.slice();
    this.#hasSharedUids = false;
    closeGaps([this.#uids, this.#flags, this.#modseqs], this.#size, places);
    this.#size -= places.length;
  }
}

const none: ReadonlyMap<Uid, readonly string[]> = new Map();

/** Place of `uid` among the first `size`, -1 where it is not. */
export function find(uids: Uint32Array, size: number, uid: number): number {
  const at = lowerBound(uids, size, uid);
  return at < size && uids[at] === uid ? at : -1;
}
