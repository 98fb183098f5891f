import { splitHeader } from './fields.ts';

/**
 * Picks fields from a raw header (LF or CRLF) as HEADER.FIELDS does, or all others as HEADER.FIELDS.NOT; the answer has CRLF line
 * ends and always its empty line. Made once per command. RFC 9051 6.4.5
 */
export function headerFilter(names: readonly string[], not = false): (header: Buffer | string) => Buffer {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return (header) => {
    const text = typeof header === 'string' ? header : header.toString('latin1');
    let picked = '';
    if (not) {
      let from = 0;
      let end = 0;
      for (const field of splitHeader(text, Number.POSITIVE_INFINITY)) {
        end = field.end;
        if (!wanted.has(field.key)) continue;
        picked += text.slice(from, field.start);
        from = end;
      }
      picked += text.slice(from, headerEnd(text, end));
    } else
      for (const field of splitHeader(text, Number.POSITIVE_INFINITY))
        if (wanted.has(field.key)) picked += text.slice(field.start, field.end);
    if (picked !== '' && !picked.endsWith('\n')) picked += '\n';
    return Buffer.from(`${crlf(picked)}\r\n`, 'latin1');
  };
}

/** Where the empty line is, or the end; no empty line lies before `from`. */
function headerEnd(text: string, from: number): number {
  if (/^\r?\n/.test(text.slice(from, from + 2))) return from;
  const empty = /\n\r?\n/g;
  empty.lastIndex = Math.max(0, from - 1);
  const found = empty.exec(text);
  return found === null ? text.length : found.index + 1;
}

function crlf(text: string): string {
  const lf = text.indexOf('\n');
  if (lf < 0) return text;
  // One kind of line end throughout is what almost every header has.
  return text.includes('\r') ? text.replace(/\r?\n/g, '\r\n') : text.replaceAll('\n', '\r\n');
}
