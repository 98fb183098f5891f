import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';

const mostEntries = 100;
const longest = 1024;

export interface GetMetadataOptions {
  /** Octets; larger values are left out. */
  readonly maxSize: number | null;
  readonly depth: 0 | 1 | 'infinity';
}

/** entry = astring: `/private/…` or `/shared/…`, letter case aside. RFC 5464 3.2 */
export function entryName(line: Cursor): string {
  const name = line.astring().toLowerCase();
  const wrong = !/^\/(?:private|shared)(?:\/[^/]+)+$/.test(name) || /[*%\x00-\x1f\x7f-\xff]/.test(name) || name.length > longest;
  if (wrong) throw new Fault('syntax', 'entry name');
  return name;
}

/** entries = entry / "(" entry *(SP entry) ")". RFC 5464 5 */
export function entryNames(line: Cursor): string[] {
  const names = line.next === '(' ? line.list(() => entryName(line)) : [entryName(line)];
  if (names.length === 0 || names.length > mostEntries) throw new Fault('syntax', 'entries');
  return [...new Set(names)];
}

const isOption = /\((?:MAXSIZE|DEPTH) /iy;

/** getmetadata-options, where they are next. RFC 5464 5 */
export function getMetadataOptions(line: Cursor): GetMetadataOptions | null {
  if (!line.looksLike(isOption)) return null;
  let maxSize: number | null = null;
  let depth: GetMetadataOptions['depth'] = 0;
  line.list(() => {
    if (line.accept('MAXSIZE ')) maxSize = line.number();
    else {
      line.expect('DEPTH ');
      if (line.acceptWord('infinity')) depth = 'infinity';
      else if (line.acceptWord('1')) depth = 1;
      else if (!line.acceptWord('0')) line.fail('depth');
    }
  });
  return { maxSize, depth };
}

/** entry-values = "(" entry SP value *(SP entry SP value) ")"; value = nstring / literal8. Octets. RFC 5464 5 */
export function entryValues(line: Cursor): Map<string, string | null> {
  const values = new Map<string, string | null>();
  line.list(() => {
    const name = entryName(line);
    line.space();
    values.set(name, line.nstring());
    if (values.size > mostEntries) throw new Fault('syntax', 'entries');
  });
  if (values.size === 0) throw new Fault('syntax', 'entries');
  return values;
}
