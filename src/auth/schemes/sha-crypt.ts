import { hash as digest } from 'node:crypto';
import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';
import { crypt64, randomSalt, sameText } from './crypt64.ts';

interface Form {
  readonly name: string;
  readonly prefix: string;
  readonly algorithm: 'sha256' | 'sha512';
  /** Octets of the digest in the order of the text. */
  readonly order: readonly (readonly number[])[];
}

/** Cheaper than `write(…, 'latin1')`; its types leave it out. */
interface FastBuffer extends Buffer {
  latin1Write(text: string, offset: number, length: number): number;
}

const defaultRounds = 5000;
/** The form allows 999,999,999; that many would keep a thread for minutes. */
const maxRounds = 2_000_000;

function rotated(count: number, start: readonly [number, number, number], rotate: (group: number[]) => number[]): number[][] {
  const groups = [[...start]];
  while (groups.length < count) groups.push(rotate(groups.at(-1)!.map((index) => index + 1)));
  return groups;
}

const sha512: Form = {
  name: 'SHA512-CRYPT',
  prefix: '$6$',
  algorithm: 'sha512',
  order: [...rotated(21, [0, 21, 42], ([a, b, c]) => [b!, c!, a!]), [63]],
};

const sha256: Form = {
  name: 'SHA256-CRYPT',
  prefix: '$5$',
  algorithm: 'sha256',
  order: [...rotated(10, [0, 10, 20], ([a, b, c]) => [c!, a!, b!]), [31, 30]],
};

/** `octets` repeated and cut to `length`. */
function stretch(octets: Buffer, length: number): Buffer {
  return Buffer.alloc(length, octets);
}

/**
 * The digest text for a password, by Ulrich Drepper's specification (SHA-crypt.txt 0.6).
 * The rounds hash one of eight prepared buffers in which only the place of the last digest changes; latin1 strings are the cheapest way there and back.
 */
function shaCrypt({ algorithm, order }: Form, password: string, saltText: string, rounds: number): string {
  const hash = (...parts: Uint8Array[]): Buffer => digest(algorithm, Buffer.concat(parts), 'buffer');
  const key = Buffer.from(password);
  const salt = Buffer.from(saltText);
  const b = hash(key, salt, key);
  const parts: Buffer[] = [key, salt, stretch(b, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? b : key);
  const a = hash(...parts);
  const p = stretch(hash(...Array.from({ length: key.length }, () => key)), key.length);
  const s = stretch(hash(...Array.from({ length: 16 + a[0]! }, () => salt)), salt.length);

  // Index: 4 for odd rounds, 2 where the salt is in, 1 where the password is in once more.
  const size = a.length;
  const variants = Array.from({ length: 8 }, (_, i) => {
    const [odd, withSalt, withKey] = [(i & 4) !== 0, (i & 2) !== 0, (i & 1) !== 0];
    const middle = [withSalt ? s : Buffer.alloc(0), withKey ? p : Buffer.alloc(0)];
    const gap = Buffer.alloc(size);
    const buffer = Buffer.concat(odd ? [p, ...middle, gap] : [gap, ...middle, p]) as FastBuffer;
    return { buffer, at: odd ? buffer.length - size : 0 };
  });
  let last = a.toString('latin1');
  for (let i = 0; i < rounds; i++) {
    const { buffer, at } = variants[((i & 1) << 2) | (i % 3 === 0 ? 0 : 2) | (i % 7 === 0 ? 0 : 1)]!;
    buffer.latin1Write(last, at, size);
    last = digest(algorithm, buffer, 'latin1');
  }
  return crypt64(Buffer.from(last, 'latin1'), order);
}

function scheme(form: Form): PasswordScheme {
  const shape = new RegExp(`^\\${form.prefix.slice(0, 2)}\\$(?:rounds=(\\d{1,9})\\$)?([^$]*)\\$([./0-9A-Za-z]+)$`);
  return {
    name: form.name,
    looksLike: new RegExp(`^\\${form.prefix.slice(0, 2)}\\$`),
    weak: false,
    verify(password, hash) {
      const match = shape.exec(hash);
      if (match === null) return false;
      const rounds = match[1] === undefined ? defaultRounds : Math.max(1000, Number(match[1]));
      if (rounds > maxRounds) throw new Fault('unsupported', `${form.name} with ${rounds} rounds; ${maxRounds} is the most`);
      return sameText(shaCrypt(form, password, match[2]!.slice(0, 16), rounds), match[3]!);
    },
    hash(password) {
      const salt = randomSalt(16);
      return `${form.prefix}${salt}$${shaCrypt(form, password, salt, defaultRounds)}`;
    },
  };
}

export const sha512Crypt = scheme(sha512);
export const sha256Crypt = scheme(sha256);
