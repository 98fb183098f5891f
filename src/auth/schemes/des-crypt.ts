import type { PasswordScheme } from '../scheme.ts';
import { crypt64Character, crypt64Value, randomSalt, sameText } from './crypt64.ts';

// FIPS 46-3. Positions count from 1, as printed there.
const initialPermutation = [
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8, 57, 49, 41,
  33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];
const finalPermutation = [
  40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21, 61, 29, 36, 4, 44, 12,
  52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
];
const expansion = [
  32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21, 20, 21, 22, 23, 24, 25, 24, 25,
  26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];
const permutation = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25];
const permutedChoice1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7,
  62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const permutedChoice2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48,
  44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const shifts = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** Each box has four rows of sixteen hexadecimal digits. */
const boxes = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
].map((digits) => Array.from(digits, (digit) => Number.parseInt(digit, 16)));

type Bits = readonly number[];
const pick = (bits: Bits, places: readonly number[]): number[] => places.map((place) => bits[place - 1]!);

/** Eight characters of seven bits, each followed by an unused parity bit. */
function keyBits(password: string): number[] {
  const octets = Buffer.from(password);
  return Array.from({ length: 64 }, (_, i) => ((octets[i >> 3] ?? 0) >> (6 - (i & 7))) & (i % 8 === 7 ? 0 : 1));
}

function schedule(key: Bits): number[][] {
  let [c, d] = [pick(key, permutedChoice1.slice(0, 28)), pick(key, permutedChoice1.slice(28))];
  return shifts.map((shift) => {
    c = [...c.slice(shift), ...c.slice(0, shift)];
    d = [...d.slice(shift), ...d.slice(0, shift)];
    return pick([...c, ...d], permutedChoice2);
  });
}

function rounds(block: Bits, keys: readonly Bits[], saltedExpansion: readonly number[]): number[] {
  const start = pick(block, initialPermutation);
  let [left, right] = [start.slice(0, 32), start.slice(32)];
  for (const key of keys) {
    const mixed = saltedExpansion.map((place, i) => right[place - 1]! ^ key[i]!);
    const out: number[] = [];
    for (let box = 0; box < 8; box++) {
      const [a, b, c, d, e, f] = mixed.slice(box * 6, box * 6 + 6) as [number, number, number, number, number, number];
      const value = boxes[box]![(a * 2 + f) * 16 + b * 8 + c * 4 + d * 2 + e]!;
      out.push(value >> 3, (value >> 2) & 1, (value >> 1) & 1, value & 1);
    }
    [left, right] = [right, pick(out, permutation).map((bit, i) => bit ^ left[i]!)];
  }
  return pick([...right, ...left], finalPermutation);
}

/** Seventh Edition's crypt(3): 25 times DES over zeros; each salt bit swaps two places of the expansion. */
function desCryptText(password: string, salt: string): string {
  const bits = crypt64Value(salt[0]!) | (crypt64Value(salt[1]!) << 6);
  const places = expansion.slice();
  for (let i = 0; i < 12; i++) {
    if (((bits >> i) & 1) === 1) [places[i], places[i + 24]] = [places[i + 24]!, places[i]!];
  }
  const keys = schedule(keyBits(password));
  let block: number[] = Array.from({ length: 64 }, () => 0);
  for (let i = 0; i < 25; i++) block = rounds(block, keys, places);
  block.push(0, 0);
  let text = salt.slice(0, 2);
  for (let i = 0; i < 66; i += 6) text += crypt64Character(Number.parseInt(block.slice(i, i + 6).join(''), 2));
  return text;
}

/** MySQL's ENCRYPT(). Only the first eight octets count. */
export const desCrypt: PasswordScheme = {
  name: 'DES-CRYPT',
  looksLike: /^[./0-9A-Za-z]{13}$/,
  weak: true,
  verify: (password, hash) => /^[./0-9A-Za-z]{13}$/.test(hash) && sameText(desCryptText(password, hash), hash),
  hash: (password) => desCryptText(password, randomSalt(2)),
};
