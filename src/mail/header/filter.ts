/**
 * Picks fields from a raw header (LF or CRLF) as HEADER.FIELDS does, or all others as HEADER.FIELDS.NOT; the answer has CRLF line
 * ends and always its empty line. Made once per command. RFC 9051 6.4.5
 */
export function headerFilter(names: readonly string[], not = false): (header: Buffer) => Buffer {
  const pick = headerLines(names, not);
  return (header) => Buffer.from(pick(header.toString('latin1')), 'latin1');
}

/** The same of octets as latin1. */
export function headerLines(names: readonly string[], not = false): (header: string) => string {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const longest = Math.max(0, ...names.map((name) => name.length));
  /** By the first octet of a line: whether it may begin one of the names. */
  const begins = new Uint8Array(256);
  for (const name of wanted) {
    begins[name.charCodeAt(0) & 255] = 1;
    begins[name.toUpperCase().charCodeAt(0) & 255] = 1;
  }
  return (text) => {
    let picked = '';
    /** Where the lines being picked start, -1 while they are not. */
    let from = -1;
    let at = 0;
    while (at < text.length) {
      const c = text.charCodeAt(at);
      if (c === 10 || (c === 13 && text.charCodeAt(at + 1) === 10)) break;
      // A continuation goes where its field went.
      if ((c !== 32 && c !== 9) || at === 0) {
        const picks = (begins[c] === 1 && wanted.has(nameAt(text, at, longest))) !== not;
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
    return `${crlf(picked)}\r\n`;
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
