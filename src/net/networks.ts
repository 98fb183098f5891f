import ipaddr from 'ipaddr.js';

/** A list of networks as Postfix writes `mynetworks`: first match decides, `!` excludes. */
export interface Networks {
  /** False also for what is no address. */
  includes(address: string): boolean;
  readonly isEmpty: boolean;
}

interface Rule {
  readonly excludes: boolean;
  readonly network: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
}

/**
 * Reads `127.0.0.0/8`, `192.168.1.5`, `[::1]/128`, `2001:db8::/32`, `!10.0.0.1`.
 *
 * @throws RangeError that names the item and what would be right
 */
export function networks(items: readonly string[]): Networks {
  const rules = items
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(rule);
  return {
    isEmpty: rules.length === 0,
    includes(address) {
      const ip = parse(address);
      if (ip === null) return false;
      const hit = rules.find(({ network, bits }) => ip.kind() === network.kind() && matches(ip, network, bits));
      return hit !== undefined && !hit.excludes;
    },
  };
}

export const noNetworks: Networks = networks([]);

/** The one spelling used everywhere: IPv4 for mapped addresses, no zone, shortest IPv6. Unchanged where it is no address. */
export function normalAddress(address: string): string {
  const ip = parse(address);
  return ip === null ? address : ip.toString();
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  return parse(address)?.range() === 'loopback';
}

/** What counts as one client where clients are counted: an IPv4 address, an IPv6 /64. Unchanged where it is no address. */
export function networkOf(address: string): string {
  const ip = parse(address);
  if (ip === null) return address;
  return 'parts' in ip
    ? ip.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')
    : ip.toString();
}

/** On this machine, its link or a private network. */
export function isNear(address: string): boolean {
  const range = parse(address)?.range();
  return range === 'loopback' || range === 'private' || range === 'linkLocal' || range === 'uniqueLocal';
}

/** Addresses parsed lately: each connection's is asked for several times. */
const parsed = new Map<string, ipaddr.IPv4 | ipaddr.IPv6 | null>();
const mostParsed = 1000;
const longestParsed = 64;

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  if (text.length > longestParsed) return null;
  let ip = parsed.get(text);
  if (ip === undefined) {
    ip = parseAnew(text);
    if (parsed.size >= mostParsed) parsed.delete(parsed.keys().next().value!);
    parsed.set(text, ip);
  }
  return ip;
}

function parseAnew(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  // ipaddr.js also reads 0x7f.1 and 127.1; an address list must not.
  const plain = bare.includes(':') ? ipaddr.IPv6.isValid(bare) : ipaddr.IPv4.isValidFourPartDecimal(bare);
  return plain ? ipaddr.process(bare) : null;
}

function matches(ip: ipaddr.IPv4 | ipaddr.IPv6, network: ipaddr.IPv4 | ipaddr.IPv6, bits: number): boolean {
  const a = ip.toByteArray();
  const b = network.toByteArray();
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((a[whole] ?? 0) & mask) === ((b[whole] ?? 0) & mask);
}

function rule(item: string): Rule {
  const excludes = item.startsWith('!');
  const [host = '', size, ...more] = item.replace(/^!\s*/, '').split('/');
  const network = parse(host);
  if (network === null || more.length > 0) throw new RangeError(`"${item}" is no network; write 192.0.2.0/24 or [2001:db8::]/32`);
  const width = network.kind() === 'ipv4' ? 32 : 128;
  const bits = size === undefined ? width : /^\d{1,3}$/.test(size) ? Number(size) : Number.NaN;
  if (!(bits >= 0 && bits <= width)) throw new RangeError(`"${item}": the prefix length is 0 to ${width}`);
  const zero = network.toByteArray().every((octet, i) => (octet & (0xff >> Math.min(8, Math.max(0, bits - i * 8)))) === 0);
  if (!zero) throw new RangeError(`"${item}" has host bits set beyond /${bits}; write ${base(network, bits)}/${bits}`);
  return { excludes, network, bits };
}

function base(network: ipaddr.IPv4 | ipaddr.IPv6, bits: number): string {
  const octets = network.toByteArray().map((octet, i) => octet & ~(0xff >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff);
  const text = ipaddr.fromByteArray(octets).toString();
  return network.kind() === 'ipv6' ? `[${text}]` : text;
}
