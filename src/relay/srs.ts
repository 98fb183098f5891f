import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Address } from '../mail/address.ts';

/** Base 32 of RFC 4648 6: survives a change of case. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const day = 86_400_000;
/** Bounces come back within this time. Days. */
const lifetime = 21;
const hashLength = 6;
/** RFC 5321 4.5.3.1.1 */
const longestLocalPart = 64;

export interface Srs {
  /** Of this server, the same in all its processes. */
  readonly secret: string | Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The reverse path of forwarded mail, so that SPF of the next hop's check is about us and bounces come back here:
 *
 *     SRS0=<hash>=<days>=<domain>=<local part>@<our domain>
 *     SRS1=<hash>=<domain of the first forwarder>==<rest of its SRS0>@<our domain>
 *
 * @returns null where it would be longer than a local part may be
 */
export function srsForward({ localPart, domain }: Address, ours: string, srs: Srs): Address | null {
  const again = /^SRS([01])([=+-].*)$/i.exec(localPart);
  let rewritten: string;
  if (again?.[1] === '1') {
    // Keep the first forwarder, leave out those in between.
    const inner = /^=[^=]*=([^=]+)=([=+-].*)$/.exec(again[2]!);
    if (inner === null) return null;
    rewritten = one(inner[1]!, inner[2]!, srs);
  } else if (again?.[1] === '0') rewritten = one(domain, again[2]!, srs);
  else {
    const stamp = stampOf(Math.floor(srs.now() / day));
    rewritten = `SRS0=${hash(`${stamp}${domain}${localPart}`, srs)}=${stamp}=${domain}=${localPart}`;
  }
  return rewritten.length > longestLocalPart ? null : { localPart: rewritten, domain: ours };
}

const one = (host: string, rest: string, srs: Srs): string => `SRS1=${hash(`${host}${rest}`, srs)}=${host}=${rest}`;

/** Whom a bounce to such an address is for; null where it is none of ours, forged or too old. */
export function srsReverse(localPart: string, srs: Srs): Address | null {
  const zero = /^SRS0[=+-]([A-Z2-7]{6})=([A-Z2-7]{2})=([^=]+)=(.+)$/i.exec(localPart);
  if (zero !== null) {
    const [, given = '', stamp = '', domain = '', local = ''] = zero;
    if (!same(given, hash(`${stamp.toUpperCase()}${domain.toLowerCase()}${local}`, srs))) return null;
    const age = (Math.floor(srs.now() / day) - days(stamp) + 1024) % 1024;
    return age <= lifetime ? { localPart: local, domain: domain.toLowerCase() } : null;
  }
  const first = /^SRS1[=+-]([A-Z2-7]{6})=([^=]+)=([=+-].+)$/i.exec(localPart);
  if (first === null) return null;
  const [, given = '', host = '', rest = ''] = first;
  return same(given, hash(`${host.toLowerCase()}${rest}`, srs)) ? { localPart: `SRS0${rest}`, domain: host.toLowerCase() } : null;
}

export const isSrs = (localPart: string): boolean => /^SRS[01][=+-]/i.test(localPart);

const stampOf = (n: number): string => alphabet[(n >> 5) & 31]! + alphabet[n & 31]!;
const days = (stamp: string): number => alphabet.indexOf(stamp[0]!.toUpperCase()) * 32 + alphabet.indexOf(stamp[1]!.toUpperCase());

/** Local parts lose their case at some servers, so it is left out. */
function hash(text: string, { secret }: Srs): string {
  const digest = createHmac('sha256', secret).update(text.toLowerCase()).digest();
  return Array.from(digest.subarray(0, hashLength), (octet) => alphabet[octet & 31]!).join('');
}

const same = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a.toUpperCase()), Buffer.from(b));
