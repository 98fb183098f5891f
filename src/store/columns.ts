/** A text of numbers, `uid flags modseq` of each message in any order, as arrays in UID order. */
export function columnsOf(text: string, expected: number): Columns {
  let size = expected;
  let uids = new Uint32Array(size);
  let flags = new Uint32Array(size);
  let modseqs = new Float64Array(size);
  let n = 0;
  let isSorted = true;
  let at = 0;
  const number = (): number => {
    // Keyword letters fill the sign bit.
    const isNegative = text.charCodeAt(at) === 45;
    if (isNegative) at++;
    let value = 0;
    for (let c = text.charCodeAt(at++); c !== 32 && at <= text.length; c = text.charCodeAt(at++)) value = value * 10 + c - 48;
    return isNegative ? -value : value;
  };
  while (at < text.length) {
    if (n === size) {
      size = Math.max(64, size * 2);
      [uids, flags, modseqs] = [grown(uids, size), grown(flags, size), grown(modseqs, size)];
    }
    const uid = number();
    if (n > 0 && uids[n - 1]! > uid) isSorted = false;
    uids[n] = uid;
    flags[n] = number();
    modseqs[n++] = number();
  }
  const cut = { uids: uids.subarray(0, n), flags: flags.subarray(0, n), modseqs: modseqs.subarray(0, n) };
  return isSorted ? cut : sorted(cut);
}

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
  const keys = Float64Array.from(uids, (uid, i) => uid * place + i).sort();
  const result = { uids: new Uint32Array(keys.length), flags: new Uint32Array(keys.length), modseqs: new Float64Array(keys.length) };
  keys.forEach((key, to) => {
    const from = key % place;
    result.uids[to] = uids[from]!;
    result.flags[to] = flags[from]!;
    result.modseqs[to] = modseqs[from]!;
  });
  return result;
}

export function grown<A extends Uint32Array | Float64Array | Int16Array>(array: A, size: number): A {
  const bigger = new (array.constructor as new (size: number) => A)(size);
  bigger.set(array);
  return bigger;
}
