import { CrlfWriter } from '../../mail/line-ends.ts';
import { resolveSection, type Section } from '../../mail/mime/section.ts';
import { knowsTransferEncoding, transferDecoder } from '../../mail/mime/transfer.ts';
import { CodedFault } from '../faults.ts';
import type { FetchMessage } from '../fetch-message.ts';
import type { FetchItem } from '../grammar/fetch-items.ts';
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
    const path = section?.path ?? [];
    return {
      columns: ['structure'],
      prepare: (m) => prepare(m, path),
      async write(m, out) {
        const decoded = await measured(m, path);
        out.text(`BINARY.SIZE[${path.join('.')}] ${decoded?.size ?? 0}`);
      },
    };
  },
};

function binaryWriter({ section, partial }: FetchItem, marksSeen: boolean): ItemWriter {
  const path = section?.path ?? [];
  const label = `BINARY[${path.join('.')}]${partial === null ? '' : `<${partial.offset}>`}`;
  return {
    columns: ['structure'],
    marksSeen,
    prepare: (m) => prepare(m, path),
    async write(m, out) {
      const decoded = await measured(m, path);
      if (decoded === null) {
        out.text(`${label} NIL`);
        return;
      }
      const offset = Math.min(partial?.offset ?? 0, decoded.size);
      const length = Math.min(partial?.length ?? decoded.size, decoded.size - offset);
      // NUL needs a literal8. RFC 3516 4.1
      out.text(`${label} ${decoded.nul ? '~' : ''}{${length}}\r\n`);
      await copy(m, path, out, offset, length, decoded.pieces);
    },
  };
}

/** RFC 3516 4.3. @throws Fault expunged, unsupported where the encoding is not known */
async function prepare(m: FetchMessage, path: readonly number[]): Promise<void> {
  await m.file();
  const found = resolveSection(m.root(), path.join('.'));
  if (found !== null && !isPlain(found) && !knowsTransferEncoding(found.part.encoding))
    throw new CodedFault('unsupported', 'UNKNOWN-CTE', 'transfer encoding');
}

/** The message as such and composite parts have nothing to undo but what is inside them. RFC 3516 4.2 */
function isPlain({ kind, part }: Section): boolean {
  return kind === 'all' || part.type === 'multipart' || part.type === 'message';
}

async function copy(
  m: FetchMessage,
  path: readonly number[],
  out: Output,
  offset: number,
  length: number,
  pieces: readonly Buffer[] | null,
): Promise<void> {
  let at = 0;
  for await (const piece of pieces ?? decode(m, path)) {
    const from = Math.max(0, offset - at);
    const before = Math.min(piece.length, offset + length - at);
    at += piece.length;
    if (before > from) out.bytes(piece.subarray(from, before));
    await out.drained();
    if (at >= offset + length) return;
  }
}

/** Size of the decoded part; its octets as well when they are few. Null: no such part. */
async function measured(m: FetchMessage, path: readonly number[]): Promise<{ size: number; nul: boolean; pieces: Buffer[] | null } | null> {
  if (resolveSection(m.root(), path.join('.')) === null) return null;
  let pieces: Buffer[] | null = [];
  let size = 0;
  let nul = false;
  for await (const piece of decode(m, path)) {
    size += piece.length;
    nul ||= piece.includes(0);
    if (size > held) pieces = null;
    else pieces?.push(piece);
  }
  return { size, nul, pieces };
}

async function* decode(m: FetchMessage, path: readonly number[]): AsyncGenerator<Buffer> {
  const file = await m.file();
  const found = resolveSection(m.root(), path.join('.'))!;
  const plain = isPlain(found);
  const decoder = plain ? null : transferDecoder(found.part.encoding);
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
