import { hash as digest } from 'node:crypto';
import type { PasswordScheme } from '../scheme.ts';
import { crypt64, randomSalt, sameText } from './crypt64.ts';

const md5 = (...parts: Uint8Array[]): Buffer => digest('md5', Buffer.concat(parts), 'buffer');

const order = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]];

/** FreeBSD's crypt of 1994. */
function md5CryptText(password: string, saltText: string): string {
  const key = Buffer.from(password);
  const salt = Buffer.from(saltText);
  const parts: Buffer[] = [key, Buffer.from('$1$'), salt, Buffer.alloc(key.length, md5(key, salt, key))];
  // Not the key's last octet but its first, and NUL for the bits that are set: so it has always been.
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? Buffer.of(0) : key.subarray(0, 1));
  let last = md5(...parts);
  for (let i = 0; i < 1000; i++) {
    const round: Buffer[] = [(i & 1) === 1 ? key : last];
    if (i % 3 !== 0) round.push(salt);
    if (i % 7 !== 0) round.push(key);
    round.push((i & 1) === 1 ? last : key);
    last = md5(...round);
  }
  return crypt64(last, order);
}

export const md5Crypt: PasswordScheme = {
  name: 'MD5-CRYPT',
  looksLike: /^\$1\$[^$]{0,8}\$[./0-9A-Za-z]{22}$/,
  weak: true,
  verify(password, hash) {
    const match = /^\$1\$([^$]*)\$([./0-9A-Za-z]{22})$/.exec(hash);
    return match !== null && sameText(md5CryptText(password, match[1]!.slice(0, 8)), match[2]!);
  },
  hash(password) {
    const salt = randomSalt(8);
    return `$1$${salt}$${md5CryptText(password, salt)}`;
  },
};
