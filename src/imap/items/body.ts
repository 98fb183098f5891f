import { headerFilter } from '../../mail/header/filter.ts';
import { crlfText } from '../../mail/line-ends.ts';
import { resolveSection } from '../../mail/mime/section.ts';
import type { FetchMessage } from '../fetch-message.ts';
import type { FetchItem } from '../grammar/fetch-items.ts';
import { formatSection, type Partial, type Section } from '../grammar/section.ts';
import { readRange, writeText } from '../message-text.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import type { FetchItemRow, ItemWriter } from './item.ts';

const whole: Section = { path: [], text: null, fields: [] };
const isHeader = (section: Section): boolean => section.text?.startsWith('HEADER') ?? false;

/** `BODY` without section is the structure without extension data; with one it is octets. RFC 9051 6.4.5 */
export const body: FetchItemRow = {
  name: 'BODY',
  writer(item, session) {
    if (item.section !== null) return sectionWriter(item, session, true);
    return {
      columns: ['body'],
      text: (m) => `BODY ${typeof m.row.body === 'string' ? m.row.body : (m.row.body?.toString('latin1') ?? 'NIL')}`,
    };
  },
};

export const bodyPeek: FetchItemRow = {
  name: 'BODY.PEEK',
  writer: (item, session) => sectionWriter(item, session, false),
};

/** RFC 3501 6.4.5: the same by their old names. */
export const rfc822: FetchItemRow = {
  name: 'RFC822',
  writer: (item, session) => sectionWriter({ ...item, section: whole }, session, true, 'RFC822'),
};

export const rfc822Header: FetchItemRow = {
  name: 'RFC822.HEADER',
  writer: (item, session) => sectionWriter({ ...item, section: { ...whole, text: 'HEADER' } }, session, false, 'RFC822.HEADER'),
};

export const rfc822Text: FetchItemRow = {
  name: 'RFC822.TEXT',
  writer: (item, session) => sectionWriter({ ...item, section: { ...whole, text: 'TEXT' } }, session, true, 'RFC822.TEXT'),
};

function sectionWriter({ section, partial }: FetchItem, session: Session, marksSeen: boolean, name?: string): ItemWriter {
  const wanted = section ?? whole;
  const label = name ?? `BODY${formatSection(wanted)}${partial === null ? '' : `<${partial.offset}>`}`;
  const spec = [...wanted.path, ...(wanted.text === null ? [] : [wanted.text])].join('.');
  const fields = wanted.fields.length === 0 ? null : headerFilter(wanted.fields, wanted.text === 'HEADER.FIELDS.NOT');
  const pick = (header: Buffer): string => (fields === null ? crlfText(header.toString('latin1', 0, header.length)) : fields(header));
  const filter = (header: Buffer): Buffer => Buffer.from(pick(header), 'latin1');
  const literal = (octets: string): string => {
    const piece = partial === null ? octets : octets.slice(partial.offset, partial.offset + partial.length);
    return `${label} {${piece.length}}\r\n${piece}`;
  };
  if (isHeader(wanted) && wanted.path.length === 0) {
    const quick = (m: FetchMessage): string | null => {
      const { header } = m.row;
      return header == null ? null : literal(pick(header));
    };
    const prepare = (m: FetchMessage) => (m.row.header == null ? m.file() : undefined);
    return { columns: ['header'], marksSeen, quick, prepare, write: (m, out) => writeHeader(m, out, label, filter, partial) };
  }
  if (spec === '') {
    return {
      columns: [],
      marksSeen,
      ...(partial === null ? { whole: label } : {}),
      quick: (m) => {
        const octets = m.smallText();
        return octets === null ? null : literal(crlfText(octets));
      },
      prepare: (m) => m.file(),
      write: async (m, out) => {
        const file = await m.file();
        await writeText(session, m, out, label, { start: 0, end: file.size, size: m.row.size }, partial);
      },
    };
  }
  return {
    columns: ['structure'],
    marksSeen,
    quick(m) {
      const octets = m.smallText();
      if (octets === null) return null;
      const found = resolveSection(m.root(), spec);
      // QUIRK: what is not there is empty, as Dovecot has it; some clients take NIL for a failure.
      if (found === null) return `${label} ""`;
      const section = octets.slice(found.start, found.end);
      return literal(found.kind === 'header' ? pick(Buffer.from(section, 'latin1')) : crlfText(section));
    },
    prepare: (m) => m.file(),
    async write(m, out) {
      const found = resolveSection(m.root(), spec);
      if (found === null) out.text(`${label} ""`);
      else if (found.kind === 'header') {
        const octets = filter(await readRange(await m.file(), found.start, found.end));
        writeOctets(out, label, octets, partial);
      } else {
        await writeText(session, m, out, label, { start: found.start, end: found.end, size: found.size }, partial);
      }
    },
  };
}

/** The message's header, which most rows carry. */
function writeHeader(
  m: FetchMessage,
  out: Output,
  label: string,
  filter: (header: Buffer) => Buffer,
  partial: Partial | null,
): Promise<void> | undefined {
  const { header } = m.row;
  if (header != null) {
    writeOctets(out, label, filter(header), partial);
    return undefined;
  }
  return (async () => {
    const root = m.root();
    const octets = await readRange(await m.file(), root.header, root.start);
    writeOctets(out, label, filter(octets), partial);
  })();
}

export function writeOctets(out: Output, label: string, octets: Buffer, partial: Partial | null): void {
  const piece = partial === null ? octets : octets.subarray(partial.offset, partial.offset + partial.length);
  if (piece.length < 512) out.text(`${label} {${piece.length}}\r\n${piece.toString('latin1')}`);
  else {
    out.text(`${label} {${piece.length}}\r\n`);
    out.bytes(piece);
  }
}
