import { Fault } from '../../mail/fault.ts';

/** At most this many parameters to one command; each known one may come once. */
const most = 20;

/**
 *     Mail-parameters  = esmtp-param *(SP esmtp-param)
 *     esmtp-param      = esmtp-keyword ["=" esmtp-value]
 *     esmtp-keyword    = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 *     esmtp-value      = 1*(%d33-60 / %d62-126)
 *
 * RFC 5321 4.1.2. Keywords come back in upper case; null stands for "no value". UTF-8 passes in values (RFC 6533 3).
 * @throws Fault syntax
 */
export function esmtpParameters(text: string): ReadonlyMap<string, string | null> {
  const found = new Map<string, string | null>();
  if (text === '') return found;
  for (const word of text.split(/[ \t]+/)) {
    const parts = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20\x7f]+))?$/.exec(word);
    if (parts === null) throw new Fault('syntax', 'parameter');
    const keyword = parts[1]!.toUpperCase();
    if (found.has(keyword)) throw new Fault('syntax', `${keyword} twice`);
    if (found.size === most) throw new Fault('syntax', 'parameters');
    found.set(keyword, parts[2] ?? null);
  }
  return found;
}
