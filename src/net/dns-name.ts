import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Lower-case A-labels without the final dot; null for what cannot be a domain name. RFC 1035 2.3.4, RFC 5890 */
export function dnsName(name: string): string | null {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  const lower = bare.toLowerCase();
  // Underscored and service names are fine in DNS though not as host names.
  const ascii = /^[\x21-\x7e]*$/.test(lower) ? lower : domainToASCII(lower);
  if (ascii === '' || ascii.length > 253) return null;
  return ascii.split('.').every((label) => label.length > 0 && label.length <= 63 && !/[\s\\]/.test(label)) ? ascii : null;
}

/** The name under in-addr.arpa or ip6.arpa; null when `address` is none. RFC 1035 3.5, RFC 3596 2.5 */
export function reverseName(address: string): string | null {
  const bare = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  if (isIPv4(bare)) return `${bare.split('.').reverse().join('.')}.in-addr.arpa`;
  if (!isIPv6(bare)) return null;
  return `${ip6Digits(bare).split('').reverse().join('.')}.ip6.arpa`;
}

/** An IPv6 address as 32 hexadecimal digits. */
export function ip6Digits(address: string): string {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  let text = address.toLowerCase();
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(1).map(Number) as [number, number, number, number];
    text = `${text.slice(0, dotted.index)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0')));
  const first = groups(head);
  if (tail === undefined) return first.join('');
  const last = groups(tail);
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0000'), ...last].join('');
}
