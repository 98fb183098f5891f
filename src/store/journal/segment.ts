import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, renameSync, rmSync, writeSync, writev, writevSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bootId } from '../../base/boot-id.ts';
import { decodeHead, decodeRecords, encodeHead, encodeRecord, inPages, type JournalRecord, pageSize, seal } from './record.ts';

const writeAll = promisify(writev);
/** What fills the last page of a batch. */
const padding = Buffer.alloc(pageSize);

export const segmentSuffix = '.segment';
/** Of one whose messages could not be written to their places. */
export const keptSuffix = '.kept';

/** Records that are written together. */
export class Batch {
  readonly records: readonly { readonly head: Buffer; readonly octets: Uint8Array }[];
  readonly length: number;
  /** Octets on disk, in whole pages. */
  readonly size: number;

  constructor(records: readonly JournalRecord[]) {
    this.records = records.map((record) => ({ head: encodeRecord(record), octets: record.octets }));
    this.length = this.records.reduce((sum, { head, octets }) => sum + head.length + octets.length, 0);
    this.size = inPages(this.length);
  }
}

/** One file of a journal: of a fixed size, all of it written once and synced, so that to write in it later changes no more than its data. */
export class Segment {
  readonly path: string;
  readonly size: number;
  /** A folder on each device that has messages of this segment which may not be on disk. */
  readonly places = new Map<number, string>();
  readonly #fd: number;
  #generation = '';
  #at = 0;
  #count = 0;

  private constructor(path: string, size: number) {
    this.path = path;
    this.size = size;
    // Each write waits until it is on disk: one call instead of two.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_DSYNC | constants.O_NOFOLLOW);
  }

  static async create(dir: string, size: number): Promise<Segment> {
    const path = join(dir, `${randomBytes(8).toString('hex')}${segmentSuffix}`);
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        const zeros = Buffer.alloc(Math.min(size, 1 << 20));
        for (let at = 0; at < size; at += zeros.length) await file.write(zeros, 0, Math.min(zeros.length, size - at), at);
        await file.sync();
      } finally {
        await file.close();
      }
      const folder = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
      await folder.sync().finally(() => folder.close());
      return new Segment(path, size);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  /** One that a process before has left. */
  static adopt(path: string, size: number): Segment {
    const segment = new Segment(path, size);
    segment.#at = size;
    return segment;
  }

  get isEmpty(): boolean {
    return this.#at === 0;
  }

  /** Octets a batch may have. */
  get room(): number {
    return this.size - Math.max(this.#at, pageSize);
  }

  /** Resolves when a batch that has room is on disk; at once where `now`. What fails leaves the segment of no more use. */
  append(batch: Batch, now: boolean): Promise<void> | undefined {
    const parts: Uint8Array[] = [];
    const position = this.#at;
    if (position === 0) {
      this.#generation = randomBytes(8).toString('hex');
      this.#count = 0;
      parts.push(encodeHead({ generation: this.#generation, bootId }));
    }
    for (const { head, octets } of batch.records) {
      seal(head, octets, this.#generation, this.#count++);
      parts.push(head, octets);
    }
    parts.push(padding.subarray(0, batch.size - batch.length));
    const total = (position === 0 ? pageSize : 0) + batch.size;
    // What fails may be there in part: nothing is written behind it.
    this.#at = this.size;
    const done = (written: number): void => {
      if (written !== total) throw new Error(`${this.path}: ${written} of ${total} octets written`);
      this.#at = position + total;
    };
    if (now) {
      done(writevSync(this.#fd, parts, position));
      return undefined;
    }
    return writeAll(this.#fd, parts, position).then(({ bytesWritten }) => done(bytesWritten));
  }

  /** Forgets its records, durably. */
  clear(): void {
    writeSync(this.#fd, Buffer.alloc(pageSize), 0, pageSize, 0);
    this.#at = 0;
    this.places.clear();
  }

  /** Puts it by, with all that it holds. */
  keep(): void {
    closeSync(this.#fd);
    renameSync(this.path, `${this.path}${keptSuffix}`);
  }

  remove(): void {
    closeSync(this.#fd);
    rmSync(this.path, { force: true });
  }
}

/** What a segment on disk holds. */
export function readSegment(path: string): { readonly bootId: string | null; readonly records: readonly JournalRecord[] } | null {
  const octets = readFileSync(path);
  const head = decodeHead(octets);
  return head === null ? null : { bootId: head.bootId, records: decodeRecords(octets, head) };
}
