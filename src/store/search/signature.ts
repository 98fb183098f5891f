/**
 * Signatures: for each message a set of bits, one for every three octets in a row that its text has. A message whose signature
 * lacks a bit of a needle does not contain the needle; one that has them all is looked at. Octets of UTF-8 make one Japanese
 * character a needle of its own. About one bit in three is set, so that a needle of six letters passes one message in eighty by
 * chance.
 */

/** Bits by the number of distinct threes: 256 (32 octets) to 65,536 (8 KiB). */
const smallest = 5;
const largest = 13;
const entryHeader = 5;

/** Messages in a block. */
export const blockEntries = 256;

function hash(a: number, b: number, c: number): number {
  const h = Math.imul((a << 16) | (b << 8) | c, 0x9e3779b1);
  return (h ^ (h >>> 15)) >>> 0;
}

const seen = new Uint32Array((1 << (largest + 3)) / 32);

/** An entry of a block: content id, size, bits. */
export function signatureEntry(contentId: number, texts: readonly Buffer[]): Buffer {
  seen.fill(0);
  let distinct = 0;
  for (const text of texts) {
    for (let i = 2; i < text.length; i++) {
      const h = hash(text[i - 2]!, text[i - 1]!, text[i]!) & 0xffff;
      const bit = 1 << (h & 31);
      if ((seen[h >>> 5]! & bit) !== 0) continue;
      seen[h >>> 5]! |= bit;
      distinct++;
    }
  }
  let size = smallest;
  while (size < largest && 1 << (size + 3) < distinct * 2.5) size++;
  const entry = Buffer.alloc(entryHeader + (1 << size));
  entry.writeUInt32LE(contentId, 0);
  entry[4] = size;
  const mask = (1 << (size + 3)) - 1;
  for (let word = 0; word < seen.length; word++) {
    let bits = seen[word]!;
    while (bits !== 0) {
      const low = 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      const h = ((word << 5) | low) & mask;
      entry[entryHeader + (h >>> 3)]! |= 1 << (h & 7);
    }
  }
  return entry;
}

/** The bits of a needle; none where it is shorter than three octets and may be anywhere. */
export function needleBits(needle: Buffer): Uint16Array {
  const bits = new Set<number>();
  for (let i = 2; i < needle.length && bits.size < 64; i++) bits.add(hash(needle[i - 2]!, needle[i - 1]!, needle[i]!) & 0xffff);
  return Uint16Array.from(bits);
}

/** Content ids in a block whose messages may contain the needle of `bits`; pushed to `found`. */
export function candidates(block: Uint8Array, bits: Uint16Array, found: number[]): void {
  let at = 0;
  while (at + entryHeader <= block.length) {
    const size = block[at + 4]!;
    const mask = (1 << (size + 3)) - 1;
    const start = at + entryHeader;
    let passes = true;
    for (let i = 0; i < bits.length; i++) {
      const h = bits[i]! & mask;
      if ((block[start + (h >>> 3)]! & (1 << (h & 7))) === 0) {
        passes = false;
        break;
      }
    }
    if (passes) found.push(block[at]! + (block[at + 1]! << 8) + (block[at + 2]! << 16) + block[at + 3]! * 0x100_0000);
    at = start + (1 << size);
  }
}

/** The block without the entries of messages that are gone. */
export function withoutGone(
  block: Buffer,
  isThere: (contentId: number) => boolean,
): { readonly entries: number; readonly signatures: Buffer } {
  const kept: Buffer[] = [];
  for (let at = 0; at + entryHeader <= block.length; ) {
    const end = at + entryHeader + (1 << block[at + 4]!);
    if (isThere(block.readUInt32LE(at))) kept.push(block.subarray(at, end));
    at = end;
  }
  return { entries: kept.length, signatures: Buffer.concat(kept) };
}
