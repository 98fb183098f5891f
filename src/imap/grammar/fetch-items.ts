import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { type Partial, partial, type Section, section } from './section.ts';

/** fetch-att, not yet looked up in the registry of items. */
export interface FetchItem {
  /** Upper case, without section: `BODY`, `BODY.PEEK`, `RFC822.SIZE`. */
  readonly name: string;
  readonly section: Section | null;
  readonly partial: Partial | null;
  /** `PREVIEW (LAZY)`. RFC 8970 3.1 */
  readonly lazy: boolean;
}

const nameRule = /[A-Za-z0-9.]+/y;
const plain = (name: string): FetchItem => ({ name, section: null, partial: null, lazy: false });
const macros: Readonly<Record<string, readonly string[]>> = {
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'],
};

/** "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")". RFC 9051 6.4.5 */
export function fetchItems(line: Cursor): FetchItem[] {
  if (line.next === '(') {
    const items = line.list(() => fetchItem(line));
    if (items.length === 0 || items.length > 500) throw new Fault('syntax', 'fetch items');
    return items;
  }
  for (const [macro, names] of Object.entries(macros)) {
    if (line.acceptWord(macro)) return names.map(plain);
  }
  return [fetchItem(line)];
}

function fetchItem(line: Cursor): FetchItem {
  const name = line.take('fetch item', nameRule).toUpperCase();
  const bracket = line.next === '[';
  if ((name === 'BODY' || name === 'BODY.PEEK') && bracket) {
    return { name, section: section(line), partial: partial(line), lazy: false };
  }
  if (/^BINARY(\.PEEK|\.SIZE)?$/.test(name)) {
    // More sections than RFC 3516 has, and partials without length: clients know them from other servers.
    return { name, section: section(line), partial: name === 'BINARY.SIZE' ? null : partial(line), lazy: false };
  }
  if (name === 'PREVIEW') return { ...plain(name), lazy: line.accept(' (LAZY)') };
  return plain(name);
}
