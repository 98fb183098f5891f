/** Lists of numbers with commas between them, null for none: uid, flags, modseq of the same messages. */
export type ColumnTexts = readonly [uids: string | null, flags: string | null, modseqs: string | null];

/**
 * The lists, in any order, as arrays in UID order. JSON's parser reads numbers fast from the first call on, where code of ours
 * has yet to be compiled: 10,000 messages in 2 instead of 15 ms.
 */
export function columnsOf([uids, flags, modseqs]: ColumnTexts): Columns {
  const columns = {
    uids: new Uint32Array(numbers(uids)),
    // Keyword letters fill the sign bit.
    flags: new Uint32Array(numbers(flags)),
    modseqs: new Float64Array(numbers(modseqs)),
  };
  for (let n = 1; n < columns.uids.length; n++) if (columns.uids[n - 1]! > columns.uids[n]!) return sorted(columns);
  return columns;
}

/** Of a list with commas between them, null for none. */
export const numbers = (list: string | null): number[] => (list === null ? [] : (JSON.parse(`[${list}]`) as number[]));

export type Columns = { uids: Uint32Array<ArrayBuffer>; flags: Uint32Array<ArrayBuffer>; modseqs: Float64Array<ArrayBuffer> };

function sorted({ uids, flags, modseqs }: Columns): Columns {
  // UID and place in one double sort fast as numbers: 32 + 21 bits.
  const place = 2 ** 21;
  if (uids.length >= place) {
    const order = Uint32Array.from(uids, (_, i) => i).sort((a, b) => uids[a]! - uids[b]!);
    return {
      uids: uids.slice().sort(),
      flags: Uint32Array.from(order, (i) => flags[i]!),
      modseqs: Float64Array.from(order, (i) => modseqs[i]!),
    };
  }
  const size = uids.length;
  const keys = new Float64Array(size);
  for (let from = 0; from < size; from++) keys[from] = uids[from]! * place + from;
  keys.sort();
  const result = { uids: new Uint32Array(size), flags: new Uint32Array(size), modseqs: new Float64Array(size) };
  for (let to = 0; to < size; to++) {
    const uid = Math.floor(keys[to]! / place);
    const from = keys[to]! - uid * place;
    result.uids[to] = uid;
    result.flags[to] = flags[from]!;
    result.modseqs[to] = modseqs[from]!;
  }
  return result;
}

export function grown<A extends Uint32Array | Float64Array | Int16Array>(array: A, size: number): A {
  const bigger = new (array.constructor as new (size: number) => A)(size);
  bigger.set(array);
  return bigger;
}

/** From here on as many elements are moved at once. */
const run = 32;

/** Takes the elements at `places`, ascending, out of the first `count` of each; what follows them moves up. */
export function closeGaps(arrays: readonly (Uint32Array | Float64Array)[], count: number, places: ArrayLike<number>): void {
  for (const array of arrays) {
    let to = places[0] ?? count;
    for (let gap = 0; gap < places.length; gap++) {
      const from = places[gap]! + 1;
      const end = places[gap + 1] ?? count;
      if (end - from >= run) array.copyWithin(to, from, end);
      else for (let i = 0; i < end - from; i++) array[to + i] = array[from + i]!;
      to += end - from;
    }
  }
}
