/** A peer that usually answers within this many milliseconds is waited for. */
const quick = 3;
/** How long one message may keep others waiting. Milliseconds. */
const patience = 10;
/** The same of peers on this machine or a private network: what takes longer there is this machine's own load. */
const quickNear = 6;
const patienceNear = 60;
const mostPeers = 1_000;

/**
 * Between the end of a message's text and its reply lies the time in which a crash makes a duplicate: nobody here knows whether
 * it arrived (RFC 1047). Messages to peers that answer at once go through it one after the other, so that a crash finds one of
 * them there. Peers that take longer are not waited for: with them, that would cost more than it saves. Far ones count as such
 * until they have shown otherwise.
 */
export class DotGate {
  /** Milliseconds that peers take, lately. */
  readonly #usual = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #inside = false;

  /** Resolves when the end of a message may be sent. @returns to be called when its reply is recorded, or will not come */
  async enter(peer: string, isNear: boolean): Promise<() => void> {
    const usual = this.#usual.get(peer) ?? (isNear ? 0 : patience);
    const gated = usual <= (isNear ? quickNear : quick);
    if (gated) {
      if (this.#inside) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.#inside = true;
    }
    let keeps = gated;
    const leave = (): void => {
      if (keeps) this.#next();
      keeps = false;
    };
    const timer = gated ? setTimeout(leave, isNear ? patienceNear : patience) : null;
    const start = performance.now();
    return () => {
      if (timer !== null) clearTimeout(timer);
      leave();
      this.#note(peer, usual, performance.now() - start);
    };
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside = false;
    else next();
  }

  #note(peer: string, before: number, took: number): void {
    const usual = this.#usual.get(peer) ?? before;
    this.#usual.delete(peer);
    // One slow answer, as the first one is, does not make a peer slow.
    this.#usual.set(peer, usual * 0.9 + Math.min(took, patience) * 0.1);
    if (this.#usual.size > mostPeers) this.#usual.delete(this.#usual.keys().next().value!);
  }
}
