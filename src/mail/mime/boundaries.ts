interface Branch {
  readonly next: Map<number, Branch>;
  /** Depths of the open multiparts whose boundary ends here, innermost last. */
  readonly depths: number[];
}

/** Dovecot's bound; RFC 2046 5.1.1 allows 70. */
const maxLength = 80;
const dash = 45;

/**
 * Boundaries of the open multiparts, kept so that a line is compared with all of them at once in the time of its length.
 * A boundary matches where the line begins with it; the longest wins, and of equal ones the innermost. RFC 2046 5.1.1
 */
export class Boundaries {
  readonly #root: Branch = { next: new Map(), depths: [] };
  #open: { boundary: Buffer; depth: number }[] = [];
  /** How many open boundaries begin with an octet: most lines are told apart by it. */
  #firsts: Uint16Array | null = null;

  get size(): number {
    return this.#open.length;
  }

  push(boundary: string, depth: number): void {
    const octets = Buffer.from(boundary.slice(0, maxLength), 'latin1');
    let branch = this.#root;
    for (const octet of octets) {
      let next = branch.next.get(octet);
      if (next === undefined) {
        next = { next: new Map(), depths: [] };
        branch.next.set(octet, next);
      }
      branch = next;
    }
    branch.depths.push(depth);
    this.#open.push({ boundary: octets, depth });
    this.#firsts ??= new Uint16Array(256);
    this.#firsts[octets[0]!]!++;
  }

  /** Whether a boundary may begin so. */
  beginsWith(octet: number): boolean {
    return this.#firsts !== null && this.#firsts[octet]! > 0;
  }

  /** Forgets the boundaries of multiparts at `depth` and deeper. */
  dropFrom(depth: number): void {
    for (let last = this.#open.at(-1); last !== undefined && last.depth >= depth; last = this.#open.at(-1)) {
      const path = [this.#root];
      for (const octet of last.boundary) path.push(path.at(-1)!.next.get(octet)!);
      path.at(-1)!.depths.pop();
      for (let i = path.length - 1; i > 0 && path[i]!.depths.length === 0 && path[i]!.next.size === 0; i--)
        path[i - 1]!.next.delete(last.boundary[i - 1]!);
      this.#open.pop();
      this.#firsts![last.boundary[0]!]!--;
    }
  }

  clear(): void {
    this.dropFrom(0);
  }

  /**
   * Depth of the multipart whose boundary the line in `bytes` from `start` (after its two dashes) to `end` is, and whether it is
   * the closing one.
   */
  match(bytes: Uint8Array, start: number, end: number): { depth: number; closes: boolean } | null {
    while (end > start && (bytes[end - 1] === 13 || bytes[end - 1] === 32 || bytes[end - 1] === 9)) end--;
    const dashes = end - start >= 2 && bytes[end - 1] === dash && bytes[end - 2] === dash;
    let branch: Branch | undefined = this.#root;
    let best: number | undefined = branch.depths.at(-1);
    let bestEnd = start;
    let closed: number | undefined = dashes && end - 2 === start ? best : undefined;
    for (let i = start; i < end; i++) {
      branch = branch.next.get(bytes[i]!);
      if (branch === undefined) break;
      const depth = branch.depths.at(-1);
      if (depth === undefined) continue;
      best = depth;
      bestEnd = i + 1;
      if (dashes && bestEnd === end - 2) closed = depth;
    }
    if (best === undefined) return null;
    // `--foo--` ends `foo`, unless a boundary `foo--` is further in.
    if (closed !== undefined && closed > best) return { depth: closed, closes: true };
    return { depth: best, closes: bytes[bestEnd] === dash && bytes[bestEnd + 1] === dash && bestEnd + 2 <= end };
  }
}
