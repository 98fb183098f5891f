/**
 * Picks fields from a raw header (LF or CRLF) as HEADER.FIELDS does, or all others as HEADER.FIELDS.NOT; the answer has CRLF line
 * ends and always its empty line. Made once per command. RFC 9051 6.4.5
 */
export function headerFilter(names: readonly string[], not = false): (header: Buffer | string) => Buffer {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const longest = Math.max(0, ...names.map((name) => name.length));
  return (header) => {
    const text = typeof header === 'string' ? header : header.toString('latin1');
    let picked = '';
    /** Where the lines being picked start, -1 while they are not. */
    let from = -1;
    let at = 0;
    while (at < text.length) {
      const c = text.charCodeAt(at);
      if (c === 10 || (c === 13 && text.charCodeAt(at + 1) === 10)) break;
      // A continuation goes where its field went.
      if ((c !== 32 && c !== 9) || at === 0) {
        const picks = wanted.has(nameAt(text, at, longest)) !== not;
        if (picks && from < 0) from = at;
        else if (!picks && from >= 0) {
          picked += text.slice(from, at);
          from = -1;
        }
      }
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end + 1;
    }
    if (from >= 0) picked += text.slice(from, at);
    if (picked !== '' && !picked.endsWith('\n')) picked += '\n';
    return Buffer.from(`${crlf(picked)}\r\n`, 'latin1');
  };
}

/** The field's name at the start of a line, lower case; '' where there is none, or one longer than all that are asked for. */
function nameAt(text: string, at: number, longest: number): string {
  const stop = Math.min(text.length, at + longest + 2);
  for (let i = at; i < stop; i++) {
    const c = text.charCodeAt(i);
    if (c === 58) return text.slice(at, i).toLowerCase();
    if (c === 32 || c === 9) return /^[ \t]*:/.test(text.slice(i, i + 20)) ? text.slice(at, i).toLowerCase() : '';
    if (c === 10) return '';
  }
  return '';
}

function crlf(text: string): string {
  const lf = text.indexOf('\n');
  if (lf < 0) return text;
  // One kind of line end throughout is what almost every header has.
  return text.includes('\r') ? text.replace(/\r?\n/g, '\r\n') : text.replaceAll('\n', '\r\n');
}
