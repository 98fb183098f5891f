import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { astring } from './format.ts';

export type SectionText = 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME' | null;

/** What is between the brackets of BODY[…]. RFC 9051 6.4.5.1 */
export interface Section {
  /** Part numbers, outermost first; empty for the message itself. */
  readonly path: readonly number[];
  readonly text: SectionText;
  /** Header field names as given, octets. */
  readonly fields: readonly string[];
}

export interface Partial {
  readonly offset: number;
  readonly length: number;
}

const texts = ['HEADER.FIELDS.NOT', 'HEADER.FIELDS', 'HEADER', 'TEXT', 'MIME'] as const;
const deepest = 200;

/** section = "[" [section-spec] "]" */
export function section(line: Cursor): Section {
  line.expect('[');
  const path: number[] = sectionPart(line);
  let text: SectionText = null;
  if (line.next !== ']') {
    text = texts.find((t) => line.accept(t)) ?? line.fail('section');
    if (text === 'MIME' && path.length === 0) throw new Fault('syntax', 'MIME needs a part number');
  }
  const fields: string[] = [];
  if (text === 'HEADER.FIELDS' || text === 'HEADER.FIELDS.NOT') {
    line.space();
    fields.push(...line.list(() => line.astring()));
    if (fields.length === 0 || fields.length > 1000) throw new Fault('syntax', 'header-list');
  }
  line.expect(']');
  return { path, text, fields };
}

/** section-part = nz-number *("." nz-number), with the dot before what follows. */
function sectionPart(line: Cursor): number[] {
  const path: number[] = [];
  while (/\d/.test(line.next)) {
    path.push(line.nzNumber());
    if (path.length > deepest) throw new Fault('syntax', 'section too deep');
    if (!line.accept('.')) break;
    if (line.next === ']') line.fail('part');
  }
  return path;
}

/** partial = "<" number64 ["." nz-number64] ">"; without length to the end. RFC 9051 9 has it always there. */
export function partial(line: Cursor): Partial | null {
  if (!line.accept('<')) return null;
  const offset = line.number64();
  if (line.accept('>')) return { offset, length: Number.MAX_SAFE_INTEGER };
  line.expect('.');
  const length = line.number64();
  if (length === 0) throw new Fault('syntax', 'partial of no octets');
  line.expect('>');
  return { offset, length };
}

/** As the client wrote it; names of fields as they came. */
export function formatSection({ path, text, fields }: Section): string {
  const spec = [...path, ...(text === null ? [] : [text])].join('.');
  return fields.length === 0 ? `[${spec}]` : `[${spec} (${fields.map(astring).join(' ')})]`;
}
