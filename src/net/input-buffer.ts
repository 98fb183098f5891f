const LF = 10;
const CR = 13;
const nothing = Buffer.alloc(0);

/** Octets that have come and were not read yet. Costs nothing while empty. */
export class InputBuffer {
  /** What is there is #octets[#start..#end). #owned: the rest of #octets is ours to append to. */
  #octets: Buffer | null = null;
  #start = 0;
  #end = 0;
  #owned = false;
  /** No line end before this place. */
  #scanned = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Keeps `chunk` itself where the buffer is empty, else a copy. */
  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#octets === null) {
      this.#adopt(chunk);
      return;
    }
    // Grows by doubling, so that a line that comes octet by octet still costs linear time.
    if (!this.#owned || this.#end + chunk.length > this.#octets.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * (this.length + chunk.length)));
      this.#octets.copy(grown, 0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#scanned = Math.max(0, this.#scanned - this.#start);
      this.#start = 0;
      this.#octets = grown;
      this.#owned = true;
    }
    chunk.copy(this.#octets, this.#end);
    this.#end += chunk.length;
  }

  /** Takes the first line and gives it without its end; null where none has ended. */
  line(bareLf: boolean): Buffer | null {
    const octets = this.#octets;
    if (octets === null) return null;
    for (let from = Math.max(this.#scanned, this.#start); ; ) {
      const at = octets.indexOf(LF, from);
      if (at === -1 || at >= this.#end) {
        this.#scanned = this.#end;
        return null;
      }
      const crlf = at > this.#start && octets[at - 1] === CR;
      if (crlf || bareLf) {
        const line = octets.subarray(this.#start, crlf ? at - 1 : at);
        this.#consume(at + 1 - this.#start);
        return line;
      }
      from = at + 1;
    }
  }

  /** Takes the first `octets`; there must be as many. */
  take(octets: number): Buffer {
    if (this.#octets === null) return nothing;
    const chunk = this.#octets.subarray(this.#start, this.#start + octets);
    this.#consume(octets);
    return chunk;
  }

  /** Drops everything but a CR at the end, which may be half of a line's end. @returns octets dropped */
  drop(): number {
    const keep = this.#octets?.[this.#end - 1] === CR ? 1 : 0;
    const dropped = this.length - keep;
    this.#consume(dropped);
    return dropped;
  }

  /** Puts back the end of what was taken last. */
  unread(rest: Buffer): void {
    if (rest.length > 0) this.#adopt(this.length === 0 ? rest : Buffer.concat([rest, this.take(this.length)]));
  }

  #adopt(octets: Buffer): void {
    this.#octets = octets;
    this.#start = 0;
    this.#end = octets.length;
    this.#scanned = 0;
    this.#owned = false;
  }

  #consume(octets: number): void {
    this.#start += octets;
    if (this.#start === this.#end) {
      this.#octets = null;
      this.#start = 0;
      this.#end = 0;
      this.#scanned = 0;
      this.#owned = false;
    } else if (this.#scanned < this.#start) this.#scanned = this.#start;
  }
}
