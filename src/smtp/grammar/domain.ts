import { isIPv4, isIPv6 } from 'node:net';

const label = /^[a-z0-9_\u0080-\u{10ffff}](?:[a-z0-9_\u0080-\u{10ffff}-]*[a-z0-9_\u0080-\u{10ffff}])?$/iu;

/**
 *     Domain    = sub-domain *("." sub-domain)
 *     sub-domain = Let-dig [Ldh-str] / U-label
 *
 * RFC 5321 4.1.2, RFC 6531 3.3. Underscores pass, as in Postfix. At most 255 octets, 63 a label.
 */
export function isDomain(text: string): boolean {
  if (text === '' || Buffer.byteLength(text) > 255) return false;
  return text.split('.').every((part) => part !== '' && Buffer.byteLength(part) <= 63 && label.test(part));
}

/** More than one label: `mail.example.com`, not `mail`. */
export function isFullyQualified(text: string): boolean {
  return isDomain(text) && text.includes('.') && !/^[\d.]+$/.test(text);
}

/** The address inside `[192.0.2.1]` or `[IPv6:2001:db8::1]`, null where it is no literal. RFC 5321 4.1.3 */
export function addressLiteral(text: string): string | null {
  if (!text.startsWith('[') || !text.endsWith(']')) return null;
  const inside = text.slice(1, -1);
  if (isIPv4(inside)) return inside;
  const v6 = /^ipv6:/i.test(inside) ? inside.slice(5) : null;
  return v6 !== null && isIPv6(v6) ? v6.toLowerCase() : null;
}

/**
 * What HELO and EHLO may carry: printable, one word, at most 255 octets. Its meaning is judged by the restrictions, as many good
 * clients send `localhost` or a Windows machine's name. RFC 5321 4.1.4 forbids refusing for that alone.
 */
export function isHeloName(text: string): boolean {
  return text.length > 0 && Buffer.byteLength(text) <= 255 && /^[^\x00-\x20\x7f]+$/.test(text);
}

/** RFC 5321 4.1.1.1: `Domain / address-literal`. */
export function isValidHeloName(text: string): boolean {
  return addressLiteral(text) !== null || (isDomain(text.replace(/\.$/, '')) && !/^[\d.]+$/.test(text));
}
