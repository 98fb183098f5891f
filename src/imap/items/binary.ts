import { headerFilter } from '../../mail/header/filter.ts';
import { CrlfWriter } from '../../mail/line-ends.ts';
import type { Part } from '../../mail/mime/part.ts';
import { resolveSection, type Section } from '../../mail/mime/section.ts';
import { knowsTransferEncoding, transferDecoder } from '../../mail/mime/transfer.ts';
import { CodedFault } from '../faults.ts';
import type { FetchMessage } from '../fetch-message.ts';
import type { FetchItem } from '../grammar/fetch-items.ts';
import { formatSection, type Section as Wanted } from '../grammar/section.ts';
import { readRange } from '../message-text.ts';
import type { Output } from '../output.ts';
import type { FetchItemRow, ItemWriter } from './item.ts';

const slice = 128 * 1024;
/** Decoded parts up to this are held in memory. */
const held = 1 << 20;

/** The part with its transfer encoding undone. RFC 3516 4.2 */
export const binary: FetchItemRow = { name: 'BINARY', capabilities: ['BINARY'], writer: (item) => binaryWriter(item, true) };

export const binaryPeek: FetchItemRow = { name: 'BINARY.PEEK', writer: (item) => binaryWriter(item, false) };

/** RFC 3516 4.3 */
export const binarySize: FetchItemRow = {
  name: 'BINARY.SIZE',
  writer({ section }) {
    const source = new Source(section!);
    return {
      columns: ['structure'],
      prepare: (m) => source.prepare(m),
      async write(m, out) {
        const decoded = await source.measure(m);
        out.text(`BINARY.SIZE${formatSection(section!)} ${decoded?.size ?? 0}`);
      },
    };
  },
};

function binaryWriter({ section, partial }: FetchItem, marksSeen: boolean): ItemWriter {
  const source = new Source(section!);
  const label = `BINARY${formatSection(section!)}${partial === null ? '' : `<${partial.offset}>`}`;
  return {
    columns: ['structure'],
    marksSeen,
    prepare: (m) => source.prepare(m),
    async write(m, out) {
      const decoded = await source.measure(m);
      if (decoded === null) {
        out.text(`${label} ""`);
        return;
      }
      const offset = Math.min(partial?.offset ?? 0, decoded.size);
      const length = Math.min(partial?.length ?? decoded.size, decoded.size - offset);
      // NUL needs a literal8. RFC 3516 4.1
      out.text(`${label} ${decoded.nul ? '~' : ''}{${length}}\r\n`);
      await copy(decoded.pieces ?? source.decode(m), out, offset, length);
    },
  };
}

async function copy(pieces: Iterable<Buffer> | AsyncIterable<Buffer>, out: Output, offset: number, length: number): Promise<void> {
  let at = 0;
  for await (const piece of pieces) {
    const from = Math.max(0, offset - at);
    const before = Math.min(piece.length, offset + length - at);
    at += piece.length;
    if (before > from) out.bytes(piece.subarray(from, before));
    await out.drained();
    if (at >= offset + length) return;
  }
}

/** A section's octets as they were before they were encoded for transfer. */
class Source {
  readonly #spec: string;
  readonly #filter: ((header: Buffer) => string) | null;

  constructor({ path, text, fields }: Wanted) {
    this.#spec = [...path, ...(text === null ? [] : [text])].join('.');
    this.#filter = fields.length === 0 ? null : headerFilter(fields, text === 'HEADER.FIELDS.NOT');
  }

  /** RFC 3516 4.3. @throws Fault expunged, unsupported where the encoding is not known */
  async prepare(m: FetchMessage): Promise<void> {
    await m.file();
    const found = this.#find(m);
    if (found !== null && isLeafBody(found) && !knowsTransferEncoding(found.part.encoding)) {
      throw new CodedFault('unsupported', 'UNKNOWN-CTE', 'transfer encoding');
    }
  }

  /** Size of the decoded section; its octets as well when they are few. Null: there is none. */
  async measure(m: FetchMessage): Promise<{ size: number; nul: boolean; pieces: Buffer[] | null } | null> {
    if (this.#find(m) === null) return null;
    let pieces: Buffer[] | null = [];
    let size = 0;
    let nul = false;
    for await (const piece of this.decode(m)) {
      size += piece.length;
      nul ||= piece.includes(0);
      if (size > held) pieces = null;
      else pieces?.push(piece);
    }
    return { size, nul, pieces };
  }

  async *decode(m: FetchMessage): AsyncGenerator<Buffer> {
    const file = await m.file();
    const found = this.#find(m)!;
    if (this.#filter !== null) {
      yield Buffer.from(this.#filter(await readRange(file, found.start, found.end)), 'latin1');
      return;
    }
    // Of a composite part or the message itself, what is inside is given as it lies there. RFC 3516 4.2
    const decoder = isLeafBody(found) ? transferDecoder(found.part.encoding) : null;
    const lines = new CrlfWriter();
    for (let at = found.start; at < found.end; ) {
      const chunk = await file.read(at, Math.min(slice, found.end - at));
      if (chunk.length === 0) break;
      at += chunk.length;
      const octets = lines.write(chunk);
      yield decoder === null ? octets : decoder.write(octets);
    }
    if (decoder !== null) yield decoder.end();
  }

  #find(m: FetchMessage): Section | null {
    return resolveSection(m.root(), this.#spec);
  }
}

function isLeafBody({ kind, part }: Section): boolean {
  return kind === 'body' && isLeaf(part);
}

function isLeaf(part: Part): boolean {
  return part.type !== 'multipart' && part.type !== 'message';
}
