import { flagText } from './truth.ts';

/** One message as a client knows it. */
export interface Told {
  uid: number | null;
  flags: string | null;
  modSeq: number;
}

export interface Fetched {
  readonly n: number;
  readonly uid: number | null;
  readonly flags: string | null;
  readonly modSeq: number | null;
  readonly text: string | null;
}

/** `* 3 FETCH (…)`, `* 17 UIDFETCH (…)`; null for anything else. */
export function fetched(line: string): Fetched | null {
  const head = /^\* (\d+) (UIDFETCH|FETCH) \(/.exec(line);
  if (head === null) return null;
  const flags = /[( ]FLAGS \(([^)]*)\)/.exec(line)?.[1];
  const modSeq = /MODSEQ \((\d+)\)/.exec(line)?.[1];
  const byUid = head[2] === 'UIDFETCH';
  const uid = byUid ? head[1] : /[( ]UID (\d+)/.exec(line)?.[1];
  return {
    n: byUid ? 0 : Number(head[1]),
    uid: uid === undefined ? null : Number(uid),
    flags: flags === undefined ? null : flagText(flags.split(' ').filter(Boolean)),
    modSeq: modSeq === undefined ? null : Number(modSeq),
    text: /BODY\[TEXT\] (?:\{\d+\}\r\n|")(\w+)/.exec(line)?.[1] ?? null,
  };
}

/** `1:3,7`, numbers up to `last` for `*`. */
export function numbers(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [from, to = from] = range.split(':').map(Number) as [number, number?];
    const [low, high] = [Math.min(from, to!), Math.max(from, to!)];
    return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  });
}

/** A mailbox as one client was told of it, each word held against those before. */
export class ToldView {
  messages: Told[] = [];
  /** Flags that may be used. */
  keywords = new Set<string>();

  get knowsAll(): boolean {
    return this.messages.every(({ uid }) => uid !== null);
  }

  exists(count: number): void {
    if (count < this.messages.length) throw new Error(`EXISTS went from ${this.messages.length} to ${count}`);
    while (this.messages.length < count) this.messages.push({ uid: null, flags: null, modSeq: 0 });
  }

  expunge(n: number): void {
    if (n < 1 || n > this.messages.length) throw new Error(`EXPUNGE ${n} of ${this.messages.length}`);
    this.messages.splice(n - 1, 1);
  }

  /** @param anywhere new messages have no place yet */
  vanish(uids: readonly number[], isEarlier: boolean, anywhere: boolean): void {
    for (const uid of uids) {
      const at = this.messages.findIndex((one) => one.uid === uid);
      if (at >= 0) this.messages.splice(at, 1);
      else if (isEarlier) continue;
      // One of those whose UID was never told: the last before the next that is known.
      else {
        const after = this.messages.findIndex((one) => (one.uid ?? 0) > uid);
        const last = (after < 0 || anywhere ? this.messages.length : after) - 1;
        if (this.messages[last] === undefined || this.messages[last].uid !== null) throw new Error(`VANISHED ${uid}, which was not there`);
        this.messages.splice(last, 1);
      }
    }
  }

  /** @returns the message it speaks of */
  fetch({ n, uid, flags, modSeq }: Fetched): Told {
    const message = n === 0 ? this.#byUid(uid!) : this.messages[n - 1];
    if (message === undefined) throw new Error(`FETCH ${n} of ${this.messages.length}`);
    if (uid !== null) {
      if (message.uid !== null && message.uid !== uid) throw new Error(`message ${n} had UID ${message.uid}, now ${uid}`);
      message.uid = uid;
      const known = this.messages.flatMap((one) => one.uid ?? []);
      if (known.some((one, i) => i > 0 && one <= known[i - 1]!)) throw new Error(`UIDs do not ascend: ${known.join(' ')}`);
    }
    if (flags !== null) {
      for (const flag of flags.split(' '))
        if (flag !== '' && !flag.startsWith('\\') && !this.keywords.has(flag)) throw new Error(`${flag} is not in FLAGS`);
      message.flags = flags;
    }
    if (modSeq !== null) {
      if (modSeq < message.modSeq) throw new Error(`MODSEQ of UID ${message.uid} went from ${message.modSeq} to ${modSeq}`);
      message.modSeq = modSeq;
    }
    return message;
  }

  /** Where the client knows no message by that UID, it is one of those it has not heard the UID of. */
  #byUid(uid: number): Told | undefined {
    const known = this.messages.find((one) => one.uid === uid);
    if (known !== undefined) return known;
    const message = this.messages.find((one) => one.uid === null);
    if (message === undefined) return undefined;
    message.uid = uid;
    const place = (one: Told): number => one.uid ?? Number.POSITIVE_INFINITY;
    this.messages.sort((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0));
    return message;
  }
}
