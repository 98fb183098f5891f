/**
 * Text in the form in which SEARCH, SORT and THREAD compare it. RFC 5051 (i;unicode-casemap) titlecases each character and
 * decomposes it; here: compatibility decomposition, upper case, decomposition again. Upper case differs from title case only in
 * digraphs such as U+01C6, which both sides pass through alike, and `ß` becomes `SS`, so that `STRASSE` finds `straße`.
 * Half-width kana and full-width letters meet their usual forms by NFKD.
 */
export function casemap(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(text) ? text.toUpperCase() : text.normalize('NFKD').toUpperCase().normalize('NFKD');
}
