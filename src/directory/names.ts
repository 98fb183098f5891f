import { domainToASCII } from 'node:url';
import { type Address, splitAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';

/** Octets. RFC 5321 4.5.3.1.1 */
const maxLocalPart = 64;

/** Lower case, composed; as rows are looked up. Local parts too: the guides' databases compare without case. */
export function foldLocalPart(localPart: string): string {
  return localPart.normalize('NFC').toLowerCase();
}

/** Lower case, A-labels, no dot at the end. RFC 5891 5; what cannot be converted stays. */
export function foldDomain(domain: string): string {
  const lower = domain.normalize('NFC').toLowerCase().replace(/\.$/, '');
  if (!/[^\x00-\x7f]/.test(lower)) return lower;
  return domainToASCII(lower) || lower;
}

export function foldAddress(address: Address): Address {
  return { localPart: foldLocalPart(address.localPart), domain: foldDomain(address.domain) };
}

/** A domain as someone typed it. @throws Fault syntax */
export function parseDomain(text: string): string {
  const name = foldDomain(text.trim());
  const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
  if (name.length > 253 || !name.split('.').every((part) => label.test(part))) {
    throw new Fault('syntax', `${JSON.stringify(text)} is no domain name`);
  }
  return name;
}

/** An address as someone typed it, folded. @throws Fault syntax */
export function parseAddress(text: string): Address {
  const given = text.trim().replace(/^<(.*)>$/, '$1');
  const parts = splitAddress(given);
  if (parts === null) throw new Fault('syntax', `${JSON.stringify(text)} is no address: wanted local-part@domain`);
  const localPart = foldLocalPart(parts.localPart);
  if (Buffer.byteLength(localPart) > maxLocalPart) throw new Fault('syntax', `${JSON.stringify(text)}: local part over 64 octets`);
  // Dot-string, with UTF-8. RFC 5321 4.1.2, RFC 6531 3.3
  if (!/^[^\s"(),:;<>@[\\\]\x00-\x1f\x7f.]+(?:\.[^\s"(),:;<>@[\\\]\x00-\x1f\x7f.]+)*$/.test(localPart)) {
    throw new Fault('syntax', `${JSON.stringify(text)}: ${JSON.stringify(parts.localPart)} is no local part`);
  }
  return { localPart, domain: parseDomain(parts.domain) };
}

const units: Record<string, number> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `1G`, `500M`, `1048576`, `none`. @returns octets, 0 = none @throws Fault syntax */
export function parseQuota(text: string): number {
  if (/^(none|unlimited)$/i.test(text.trim())) return 0;
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim());
  const octets = match === null ? Number.NaN : Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!);
  if (!Number.isSafeInteger(octets)) throw new Fault('syntax', `${JSON.stringify(text)} is no size: wanted a number with K, M, G or T`);
  return octets;
}
