import type { Address } from '../../mail/address.ts';
import { Fault } from '../../mail/fault.ts';
import { addressLiteral, isDomain } from './domain.ts';

export interface Path {
  /** null for `<>`. A path without `@` has an empty domain. */
  readonly address: Address | null;
  /** As written between the brackets. */
  readonly original: string;
  /** What follows: the ESMTP parameters. */
  readonly rest: string;
}

const atext = "A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\u{10ffff}-";
// QUIRK: dots at the ends and in a row (`user..name.@docomo.ne.jp`) were handed out by Japanese mobile carriers until 2009.
const dotString = new RegExp(`[${atext}.]+`, 'uy');
const quotedString = /"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\u{10ffff}]|\\[\x20-\x7e])*"/uy;
const sourceRoute = /@[^\s,:@<>"]{1,255}(?:,@[^\s,:@<>"]{1,255})*:/y;
const domainText = /\[[^\s\]<>]{1,64}\]|[^\s<>()[\]\\,;:@"]+/y;

/**
 *     Path          = "<" [ A-d-l ":" ] Mailbox ">"
 *     Reverse-path  = Path / "<>"
 *     Mailbox       = Local-part "@" ( Domain / address-literal )
 *     Local-part    = Dot-string / Quoted-string
 *
 * RFC 5321 4.1.2, RFC 6531 3.3. The source route is taken off (appendix C). Lenient as Postfix without strict_rfc821_envelopes:
 * spaces before the path, and a path without brackets. Local part 256 octets at most (VERP and forwarders go beyond the RFC's 64).
 * @throws Fault syntax
 */
export function path(text: string, strict = false): Path {
  let at = 0;
  if (!strict) while (text[at] === ' ' || text[at] === '\t') at++;
  const bracketed = text[at] === '<';
  if (bracketed) at++;
  else if (strict) throw new Fault('syntax', 'path without <>');
  const from = at;
  if (bracketed && text[at] === '>') return { address: null, original: '', rest: rest(text, at + 1) };
  if (!bracketed && at === text.length) throw new Fault('syntax', 'no path');

  at += match(sourceRoute, text, at).length;
  const quoted = match(quotedString, text, at);
  const raw = quoted === '' ? match(dotString, text, at) : quoted;
  const localPart = quoted === '' ? raw : raw.slice(1, -1).replace(/\\(.)/gu, '$1');
  if (localPart === '' || Buffer.byteLength(localPart) > 256) throw new Fault('syntax', 'local part');
  at += raw.length;

  let domain = '';
  if (text[at] === '@') {
    const written = match(domainText, text, at + 1);
    at += 1 + written.length;
    domain = written.toLowerCase().replace(/\.$/, '');
    if (domain.startsWith('[') ? addressLiteral(domain) === null : !isDomain(domain)) {
      throw new Fault('syntax', 'domain');
    }
  }
  const original = text.slice(from, at);
  if (bracketed) {
    if (text[at] !== '>') throw new Fault('syntax', 'path does not end with >');
    at++;
  } else if (text.includes('<', at)) throw new Fault('syntax', 'phrase before the path');
  return { address: { localPart, domain }, original, rest: rest(text, at) };
}

/** Parameters are set off by a space. */
function rest(text: string, at: number): string {
  if (at < text.length && text[at] !== ' ' && text[at] !== '\t') throw new Fault('syntax', 'after the path');
  return text.slice(at).trim();
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** Sender-specified routing hides in the local part: `u%foreign@ours`, `foreign!u@ours`, `"u@foreign"@ours`. */
export function isRouted(localPart: string): boolean {
  return /[@%!]/.test(localPart);
}

/** Beyond ASCII: needs SMTPUTF8. RFC 6531 3.4 */
export function needsUtf8({ localPart, domain }: Address): boolean {
  return /[^\x00-\x7f]/.test(localPart) || /[^\x00-\x7f]/.test(domain);
}
