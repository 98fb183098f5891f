import { randomBytes, timingSafeEqual } from 'node:crypto';

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** crypt(3)'s base 64: octets by index, three (most significant first) to four characters, lowest six bits first. */
export function crypt64(octets: Uint8Array, order: readonly (readonly number[])[]): string {
  let text = '';
  for (const group of order) {
    let value = 0;
    for (const index of group) value = (value << 8) | octets[index]!;
    const characters = Math.ceil((group.length * 8) / 6);
    for (let i = 0; i < characters; i++, value >>>= 6) text += alphabet[value & 63];
  }
  return text;
}

export function randomSalt(length: number): string {
  return Array.from(randomBytes(length), (octet) => alphabet[octet & 63]).join('');
}

export const crypt64Value = (character: string): number => alphabet.indexOf(character);
export const crypt64Character = (value: number): string => alphabet[value]!;

/** In a time that does not tell where they differ. */
export function sameText(a: string, b: string): boolean {
  return sameOctets(Buffer.from(a), Buffer.from(b));
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
