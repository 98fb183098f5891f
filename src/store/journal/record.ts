import { crc32 } from 'node:zlib';

/*
 * A segment is one page of head, then batches of records, each batch at a multiple of a page:
 *
 *     head   = magic(8) crc(4) length(4) JSON, zeros up to a page
 *     record = mark(4) crc(4) generation(8) sequence(4) length of JSON(4) octets(4) JSON message
 *
 * Numbers are little endian; a crc is over all that follows it. A segment is written over and over, each time under another
 * generation, drawn by chance: nobody can send a message that looks like a record of the next one.
 */

export const pageSize = 4096;
const magic = Buffer.from('pcjrnl1\n');
const mark = 0x31636572;
const recordHead = 28;

export interface SegmentHead {
  /** 16 hex digits. */
  readonly generation: string;
  /** Of the run of the machine that wrote here; null where the system does not say. */
  readonly bootId: string | null;
}

/** Where a message belongs. */
export interface RecordPlace {
  readonly address: string;
  /** From the journal's folder: a data_dir that moves together with its mail is still right. */
  readonly home: string;
  /** Maildir below home. */
  readonly maildir: string;
  /** Of the mailbox: stays when its folder is renamed. */
  readonly objectId: string;
  /** Below the Maildir. */
  readonly folder: string;
  /** Below the folder: `new/NAME` or `cur/NAME:2,FLAGS`. */
  readonly file: string;
  readonly uid: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
}

export interface JournalRecord {
  readonly place: RecordPlace;
  readonly octets: Uint8Array;
}

export function encodeHead(head: SegmentHead): Buffer {
  const page = Buffer.alloc(pageSize);
  magic.copy(page);
  page.writeUInt32LE(page.write(JSON.stringify(head), 16), 12);
  page.writeUInt32LE(crc32(page.subarray(12)), 8);
  return page;
}

/** null where there is no head, or a damaged one: then nothing in the segment counts. */
export function decodeHead(segment: Buffer): SegmentHead | null {
  if (segment.length < pageSize || !segment.subarray(0, 8).equals(magic)) return null;
  if (crc32(segment.subarray(12, pageSize)) !== segment.readUInt32LE(8)) return null;
  const length = segment.readUInt32LE(12);
  return length > pageSize - 16 ? null : (JSON.parse(segment.toString('utf8', 16, 16 + length)) as SegmentHead);
}

/** What stands before the octets of a record; `seal` makes it one of a segment. */
export function encodeRecord({ place, octets }: JournalRecord): Buffer {
  const json = JSON.stringify(place);
  const length = Buffer.byteLength(json);
  const head = Buffer.allocUnsafe(recordHead + length);
  head.writeUInt32LE(mark, 0);
  head.writeUInt32LE(length, 20);
  head.writeUInt32LE(octets.length, 24);
  head.write(json, recordHead);
  return head;
}

/** @param sequence place in the segment, from 0 */
export function seal(head: Buffer, octets: Uint8Array, generation: string, sequence: number): void {
  head.write(generation, 8, 'hex');
  head.writeUInt32LE(sequence, 16);
  head.writeUInt32LE(crc32(octets, crc32(head.subarray(8))), 4);
}

/** Length of a batch with what fills its last page. */
export const inPages = (length: number): number => Math.ceil(length / pageSize) * pageSize;

/** The records that are whole, up to the first place where none goes on. `octets` are parts of `segment`. */
export function decodeRecords(segment: Buffer, { generation }: SegmentHead): JournalRecord[] {
  const records: JournalRecord[] = [];
  const wanted = Buffer.from(generation, 'hex');
  let at = pageSize;
  for (;;) {
    let found = recordAt(segment, at, wanted, records.length);
    // The end of a batch: the next one begins with the next page.
    if (found === null && at % pageSize !== 0) found = recordAt(segment, inPages(at), wanted, records.length);
    if (found === null) return records;
    records.push(found.record);
    at = found.end;
  }
}

function recordAt(segment: Buffer, at: number, generation: Buffer, sequence: number): { record: JournalRecord; end: number } | null {
  if (at + recordHead > segment.length || segment.readUInt32LE(at) !== mark) return null;
  if (!segment.subarray(at + 8, at + 16).equals(generation) || segment.readUInt32LE(at + 16) !== sequence) return null;
  const text = at + recordHead;
  const start = text + segment.readUInt32LE(at + 20);
  const end = start + segment.readUInt32LE(at + 24);
  if (end > segment.length || crc32(segment.subarray(at + 8, end)) !== segment.readUInt32LE(at + 4)) return null;
  return { record: { place: JSON.parse(segment.toString('utf8', text, start)) as RecordPlace, octets: segment.subarray(start, end) }, end };
}
