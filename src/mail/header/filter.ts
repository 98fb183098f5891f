const cr = 13;
const lf = 10;
const colon = 58;
/** By octet: ASCII letters small, all others as they are. */
const small = Uint8Array.from({ length: 256 }, (_, c) => (c >= 65 && c <= 90 ? c + 32 : c));
/** Octets of a header up to which one answer is made where the last one was. */
const common = 32 * 1024;
const desk = Buffer.allocUnsafeSlow(2 * common + 4);

/**
 * Picks fields from a raw header (LF or CRLF) as HEADER.FIELDS does, or all others as HEADER.FIELDS.NOT; the answer, octets as latin1,
 * has CRLF line ends and always its empty line. Made once per command. RFC 9051 6.4.5
 */
export function headerFilter(names: readonly string[], not = false): (header: Uint8Array) => string {
  /** By the first octet, small. */
  const wanted: Uint8Array[][] = Array.from({ length: 256 }, () => []);
  for (const name of names) {
    // No field can be called anything else.
    if (/^[\x21-\x39\x3b-\xff]+$/.test(name)) {
      const octets = Buffer.from(name, 'latin1').map((c) => small[c]!);
      wanted[octets[0]!]!.push(octets);
    }
  }
  return (header) => {
    const { length } = header;
    const out = length > common ? Buffer.allocUnsafe(2 * length + 4) : desk;
    let to = 0;
    let picks = false;
    let at = 0;
    while (at < length) {
      let c = header[at]!;
      if (c === lf || (c === cr && header[at + 1] === lf)) break;
      // A continuation goes where its field went.
      if ((c !== 32 && c !== 9) || at === 0) picks = begins(header, at, wanted[small[c]!]!) !== not;
      if (picks) {
        for (let last = 0; at < length && last !== lf; last = c) {
          c = header[at++]!;
          if (c === lf && last !== cr) out[to++] = cr;
          out[to++] = c;
        }
      } else while (at < length && header[at++] !== lf);
    }
    if (to > 0 && out[to - 1] !== lf) {
      if (out[to - 1] !== cr) out[to++] = cr;
      out[to++] = lf;
    }
    out[to++] = cr;
    out[to++] = lf;
    return out.toString('latin1', 0, to);
  };
}

/** Whether a field by one of the names begins at `at`. */
function begins(header: Uint8Array, at: number, names: readonly Uint8Array[]): boolean {
  for (let n = 0; n < names.length; n++) {
    const name = names[n]!;
    let i = 1;
    while (i < name.length && small[header[at + i]!] === name[i]) i++;
    if (i < name.length) continue;
    let end = at + i;
    if (header[end] === colon) return true;
    // QUIRK: white space before the colon, as in mail of old. RFC 5322 4.5
    while (header[end] === 32 || header[end] === 9) end++;
    if (header[end] === colon) return true;
  }
  return false;
}
