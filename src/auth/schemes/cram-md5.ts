import { hash as digest } from 'node:crypto';
import type { PasswordScheme } from '../scheme.ts';
import { sameOctets } from './crypt64.ts';
import { type MdState, md5After, md5From, stateOctets, stateOf } from './md.ts';

/** HMAC-MD5 with its key already taken in. RFC 2104 4 */
export interface HmacState {
  readonly outer: MdState;
  readonly inner: MdState;
}

export function hmacState(password: string): HmacState {
  const octets = Buffer.from(password);
  const key = Buffer.alloc(64);
  key.set(octets.length > 64 ? digest('md5', octets, 'buffer') : octets);
  return { outer: md5After(Buffer.from(key.map((octet) => octet ^ 0x5c))), inner: md5After(Buffer.from(key.map((octet) => octet ^ 0x36))) };
}

export const hmacMd5 = ({ outer, inner }: HmacState, message: Uint8Array): Buffer => md5From(outer, md5From(inner, message));

/** 64 hexadecimal digits, outer state first: Dovecot's form. null where it is not that */
export function parseHmacState(text: string): HmacState | null {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) return null;
  const octets = Buffer.from(text, 'hex');
  return { outer: stateOf(octets.subarray(0, 16)), inner: stateOf(octets.subarray(16)) };
}

const stateText = ({ outer, inner }: HmacState): string => Buffer.concat([stateOctets(outer), stateOctets(inner)]).toString('hex');

/** Enough for CRAM-MD5 without keeping the password; who has it can log in with it all the same. */
export const cramMd5: PasswordScheme = {
  name: 'CRAM-MD5',
  aliases: ['HMAC-MD5'],
  looksLike: null,
  weak: true,
  verify(password, hash) {
    return /^[0-9a-fA-F]{64}$/.test(hash) && sameOctets(Buffer.from(hash, 'hex'), Buffer.from(stateText(hmacState(password)), 'hex'));
  },
  hash: (password) => stateText(hmacState(password)),
};
