import { crc32 } from 'node:zlib';
import type { Log } from '../base/log.ts';
import type { Columns } from './columns.ts';
import type { Reader } from './reader.ts';
import type { View } from './view.ts';

/** From so many messages on a mailbox's lists are kept. */
export const keptFrom = 1000;

/** Tells whether the octets of numbers lie as they do here. */
const mark = 0x706f7374;
/** Mark, checksum of what follows, number of messages, nothing: four octets each, so that doubles lie where they may. */
const head = 16;

/** Columns as octets. */
export function packed({ uids, flags, modseqs }: Columns): Uint8Array {
  const count = uids.length;
  const octets = new Uint8Array(head + 16 * count);
  const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array | Float64Array) => new Uint8Array(buffer, byteOffset, byteLength);
  octets.set(bytesOf(uids), head);
  octets.set(bytesOf(flags), head + 4 * count);
  octets.set(bytesOf(modseqs), head + 8 * count);
  new Uint32Array(octets.buffer, 0, 3).set([mark, crc32(octets.subarray(head)), count]);
  return octets;
}

/** null where they are damaged, or were written by another kind of machine. */
export function unpacked(octets: Uint8Array): Columns | null {
  // What SQLite gives may lie anywhere in a larger piece.
  const { buffer } = octets.slice();
  if (buffer.byteLength < head) return null;
  const [wrote, sum, count] = new Uint32Array(buffer, 0, 3) as unknown as [number, number, number];
  if (wrote !== mark || buffer.byteLength !== head + 16 * count || crc32(new Uint8Array(buffer, head)) !== sum) return null;
  return {
    uids: new Uint32Array(buffer, head, count),
    flags: new Uint32Array(buffer, head + 4 * count, count),
    modseqs: new Float64Array(buffer, head + 8 * count, count),
  };
}

/** Milliseconds from the first look at a mailbox, which finds nothing kept, until it is kept. */
const delay = 2000;

/** What the index keeps of one account's mailboxes. */
export class KeptViews {
  readonly #keep: (mailbox: number) => Promise<void>;
  readonly #log: Log;
  readonly #timers = new Map<number, NodeJS.Timeout>();

  /** @param keep has a store thread do it */
  constructor(keep: (mailbox: number) => Promise<void>, log: Log) {
    this.#keep = keep;
    this.#log = log;
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /**
   * Begins a view with what is kept of it; what changed since then it reads as ever. Where that is not there, or so old that a tenth
   * has changed, it is kept anew once whoever opens it has had what it came for.
   */
  begin(view: View, reader: Reader, id: number, messages: number): void {
    if (messages < keptFrom) return;
    const kept = reader.keptViews.get(id);
    const columns = kept === undefined ? null : unpacked(kept.octets);
    if (columns !== null) {
      view.begin(columns, kept!.modseq);
      if (!isOld(reader, id, kept!.modseq, messages)) return;
    }
    this.#keepSoon(id);
  }

  /** A store thread had to read much of a mailbox that was open: what is kept of it may be as far behind, or not be there. */
  renew(reader: Reader, id: number, messages: number): void {
    if (messages < keptFrom) return;
    const kept = reader.keptViews.modseq(id);
    if (kept === undefined || isOld(reader, id, kept, messages)) this.#keepSoon(id);
  }

  #keepSoon(id: number): void {
    if (this.#timers.has(id)) return;
    const keep = (): void => {
      this.#timers.delete(id);
      this.#keep(id).catch((error: unknown) => this.#log.debug({ err: error }, 'view not kept'));
    };
    this.#timers.set(id, setTimeout(keep, delay).unref());
  }
}

/** A tenth has changed since. */
const isOld = (reader: Reader, id: number, modseq: number, messages: number): boolean =>
  reader.messages.hasChanged(id, modseq, Math.ceil(messages / 10));
