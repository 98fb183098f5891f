import { hash as digest, randomBytes } from 'node:crypto';
import type { PasswordScheme } from '../scheme.ts';
import { sameOctets } from './crypt64.ts';
import { md4 } from './md.ts';

/** Hexadecimal where it is just that long, else base64: as Dovecot decides. null where it is neither. */
function decode(text: string, size: number, salted: boolean): Buffer | null {
  const isHex = /^(?:[0-9a-fA-F]{2})+$/.test(text) && (text.length === size * 2 || (salted && text.length > size * 2));
  const octets = Buffer.from(text, isHex ? 'hex' : 'base64');
  if (salted ? octets.length < size : octets.length !== size) return null;
  return octets;
}

type Digest = (octets: Buffer) => Buffer;

function plain(
  name: string,
  algorithm: string | Digest,
  size: number,
  encoding: 'base64' | 'hex',
  aliases: readonly string[] = [],
): PasswordScheme {
  const of: Digest = typeof algorithm === 'string' ? (octets) => digest(algorithm, octets, 'buffer') : algorithm;
  return {
    name,
    aliases,
    looksLike: null,
    weak: true,
    digest: size,
    verify(password, hash) {
      const stored = decode(hash, size, false);
      return stored !== null && sameOctets(stored, of(Buffer.from(password)));
    },
    hash: (password) => of(Buffer.from(password)).toString(encoding),
  };
}

/** Digest of password and salt, with the salt behind it. */
function salted(name: string, algorithm: string, size: number): PasswordScheme {
  const of = (password: string, salt: Uint8Array): Buffer => digest(algorithm, Buffer.concat([Buffer.from(password), salt]), 'buffer');
  return {
    name,
    looksLike: null,
    weak: true,
    digest: size,
    verify(password, hash) {
      const stored = decode(hash, size, true);
      return stored !== null && sameOctets(stored.subarray(0, size), of(password, stored.subarray(size)));
    },
    hash(password) {
      const salt = randomBytes(8);
      return Buffer.concat([of(password, salt), salt]).toString('base64');
    },
  };
}

export const sha1 = plain('SHA', 'sha1', 20, 'base64', ['SHA1']);
export const sha256 = plain('SHA256', 'sha256', 32, 'base64');
export const sha512 = plain('SHA512', 'sha512', 64, 'base64');
export const plainMd5 = plain('PLAIN-MD5', 'md5', 16, 'hex');
export const ldapMd5 = plain('LDAP-MD5', 'md5', 16, 'base64');
export const plainMd4 = plain('PLAIN-MD4', md4, 16, 'hex');
export const ssha = salted('SSHA', 'sha1', 20);
export const ssha256 = salted('SSHA256', 'sha256', 32);
export const ssha512 = salted('SSHA512', 'sha512', 64);
export const smd5 = salted('SMD5', 'md5', 16);

/** MD5 of `local-part:domain:password`. RFC 2831 2.1.2.1 */
export const digestMd5: PasswordScheme = {
  name: 'DIGEST-MD5',
  looksLike: null,
  weak: true,
  digest: 16,
  verify(password, hash, address = '') {
    const stored = decode(hash, 16, false);
    return stored !== null && sameOctets(stored, digestMd5Of(password, address));
  },
  hash: (password, address = '') => digestMd5Of(password, address).toString('hex'),
};

function digestMd5Of(password: string, address: string): Buffer {
  const at = address.lastIndexOf('@');
  const [name, realm] = at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at + 1)];
  return digest('md5', `${name}:${realm}:${password}`, 'buffer');
}
