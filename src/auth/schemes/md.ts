/** Four words of chaining state. */
export type MdState = readonly [number, number, number, number];

/** RFC 1321 3.3, RFC 1320 3.3 */
export const mdStart: MdState = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

const sines = Uint32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));
const shifts5 = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const shifts4 = [3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15];
const order4 = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
];

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
const added = (state: MdState, a: number, b: number, c: number, d: number): MdState => [
  (state[0] + a) >>> 0,
  (state[1] + b) >>> 0,
  (state[2] + c) >>> 0,
  (state[3] + d) >>> 0,
];

/** One block of 64 octets. RFC 1321 3.4 */
function md5Block(state: MdState, words: readonly number[]): MdState {
  let [a, b, c, d] = state as [number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    const [mix, place] =
      round === 0
        ? [(b & c) | (~b & d), i]
        : round === 1
          ? [(b & d) | (c & ~d), (5 * i + 1) & 15]
          : round === 2
            ? [b ^ c ^ d, (3 * i + 5) & 15]
            : [c ^ (b | ~d), (7 * i) & 15];
    const sum = (a + mix + words[place]! + sines[i]!) | 0;
    [a, b, c, d] = [d, (b + rotate(sum, shifts5[round * 4 + (i & 3)]!)) | 0, b, c];
  }
  return added(state, a, b, c, d);
}

/** RFC 1320 3.4 */
function md4Block(state: MdState, words: readonly number[]): MdState {
  let [a, b, c, d] = state as [number, number, number, number];
  for (let i = 0; i < 48; i++) {
    const round = i >> 4;
    const mix = round === 0 ? (b & c) | (~b & d) : round === 1 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    const constant = round === 0 ? 0 : round === 1 ? 0x5a827999 : 0x6ed9eba1;
    const sum = (a + mix + words[order4[round]![i & 15]!]! + constant) | 0;
    [a, b, c, d] = [d, rotate(sum, shifts4[round * 4 + (i & 3)]!), b, c];
  }
  return added(state, a, b, c, d);
}

type Block = typeof md5Block;

function blocks(block: Block, start: MdState, octets: Buffer): MdState {
  let state = start;
  for (let at = 0; at < octets.length; at += 64) {
    state = block(
      state,
      Array.from({ length: 16 }, (_, i) => octets.readUInt32LE(at + i * 4)),
    );
  }
  return state;
}

/** A one bit, zeros, and the length in bits. RFC 1321 3.1, 3.2 */
function padded(octets: Uint8Array, before: number): Buffer {
  const whole = Buffer.alloc(Math.ceil((octets.length + 9) / 64) * 64);
  whole.set(octets);
  whole[octets.length] = 0x80;
  whole.writeBigUInt64LE(BigInt(octets.length + before) * 8n, whole.length - 8);
  return whole;
}

export function stateOctets(state: MdState): Buffer {
  const octets = Buffer.alloc(16);
  for (const [i, word] of state.entries()) octets.writeUInt32LE(word, i * 4);
  return octets;
}

export const stateOf = (octets: Buffer): MdState => [0, 4, 8, 12].map((at) => octets.readUInt32LE(at)) as unknown as MdState;

/** MD5 after one whole block. */
export const md5After = (block: Buffer): MdState => blocks(md5Block, mdStart, block);

/** MD5 of one block, known by its state, and what follows. */
export const md5From = (state: MdState, rest: Uint8Array): Buffer => stateOctets(blocks(md5Block, state, padded(rest, 64)));

export const md4 = (octets: Uint8Array): Buffer => stateOctets(blocks(md4Block, mdStart, padded(octets, 0)));
