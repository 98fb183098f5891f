import { createHash } from 'node:crypto';

/** Where a message lies: account, mailbox, UIDVALIDITY, UID. */
export type Place = string;
export const place = (account: string, mailbox: string, uidValidity: number, uid: number): Place =>
  `${account} ${mailbox} ${uidValidity} ${uid}`;

const mailboxOf = (at: Place): string => at.slice(0, at.lastIndexOf(' '));

export const hash = (text: string): string => createHash('sha1').update(text, 'latin1').digest('hex');

/** A message by its number, as it was sent; the server adds trace fields above. */
export const messageText = (n: number): string =>
  `From: driver@driver.test\r\nSubject: ${n}\r\nX-Number: ${n}\r\n\r\n${`line of message ${n}\r\n`.repeat(5 + (n % 200))}`;

/** Number of a message that is there whole, or null. */
export function wholeMessage(text: string): number | null {
  const n = Number(/^X-Number: (\d+)\r?$/m.exec(text)?.[1] ?? -1);
  return n >= 0 && text.replaceAll(/\r?\n/g, '\r\n').endsWith(messageText(n)) ? n : null;
}

/** A message on its way, until the reply: it may be there before that, or for good without one. */
export interface Sending {
  readonly n: number;
  /** It was met. */
  met: Copy | null;
}

interface Copy {
  /** null while only the recipient's INBOX is known. */
  at: Place | null;
  readonly account: string;
  /** Under way when the connection broke: it may have gone. */
  mayBeGone: boolean;
  /** It may be in another mailbox by now. */
  mayHaveMoved: boolean;
  flags: string | null;
}

export interface Found {
  readonly at: Place;
  readonly number: number;
  readonly flags: string;
}

/** What the server said yes to, and what it had been asked when it fell silent. */
export class Ledger {
  readonly #copies = new Map<number, Copy[]>();
  /** What may be there though nobody said so; by number, in the order it went out. */
  readonly #sending = new Map<number, Sending[]>();
  readonly #ever = new Map<Place, number>();
  readonly #gone = new Map<Place, number>();
  /** Mailbox to its UIDVALIDITY. */
  readonly #validity = new Map<string, number>();
  acknowledged = 0;
  uidsReused = 0;
  uidValidityChanged = 0;

  /** Before DATA, APPEND or COPY goes out. */
  sending(n: number): Sending {
    const one: Sending = { n, met: null };
    this.#sending.set(n, [...(this.#sending.get(n) ?? []), one]);
    return one;
  }

  /** 250 to DATA. Somebody may have met the message before that, moved it or taken it. */
  delivered(sending: Sending, account: string): void {
    this.acknowledged++;
    this.#forget(sending);
    if (sending.met === null) this.#add(sending.n, { at: null, account, mayBeGone: false, mayHaveMoved: false, flags: null });
  }

  /** APPENDUID, COPYUID. */
  placed(n: number, at: Place, flags: string | null, sending: Sending | null = null): void {
    this.acknowledged++;
    if (sending !== null) this.#forget(sending);
    this.seen(n, at, false);
    this.#add(n, { at, account: at.split(' ')[0]!, mayBeGone: false, mayHaveMoved: false, flags });
  }

  /** A reply that says no. */
  refused(sending: Sending): void {
    this.#forget(sending);
    if (sending.met !== null) sending.met.mayBeGone = true;
  }

  #forget(sending: Sending): void {
    const others = this.#sending.get(sending.n)!.filter((one) => one !== sending);
    this.#sending.set(sending.n, others);
  }

  /** A message was met under a UID. */
  seen(n: number, at: Place, bind = true): void {
    if ((this.#ever.get(at) ?? n) !== n) this.uidsReused++;
    this.#ever.set(at, n);
    const [account, mailbox, validity] = at.split(' ') as [string, string, string];
    const known = this.#validity.get(`${account} ${mailbox}`);
    if (known !== undefined && known !== Number(validity)) this.uidValidityChanged++;
    this.#validity.set(`${account} ${mailbox}`, Number(validity));
    if (!bind) return;
    const copies = this.#copies.get(n) ?? [];
    if (copies.some((one) => one.at === at)) return;
    const loose = copies.find((one) => one.account === account && (one.at === null || one.mayHaveMoved));
    if (loose !== undefined) {
      loose.at = at;
      loose.mayHaveMoved = false;
      return;
    }
    const sending = this.#unmet(n)[0];
    if (sending === undefined) return;
    sending.met = { at, account, mayBeGone: false, mayHaveMoved: false, flags: null };
    this.#add(n, sending.met);
  }

  /** Before EXPUNGE, DELE with QUIT or MOVE goes out. */
  leaving(at: Place, forGood: boolean): void {
    const copy = this.#at(at);
    if (copy === null) return;
    if (forGood) copy.mayBeGone = true;
    else copy.mayHaveMoved = true;
  }

  /** The tagged OK to it, or +OK to QUIT. */
  left(at: Place): void {
    this.acknowledged++;
    const n = this.#ever.get(at);
    const copies = n === undefined ? undefined : this.#copies.get(n);
    if (copies === undefined) return;
    const i = copies.findIndex((one) => one.at === at);
    if (i >= 0) copies.splice(i, 1);
    this.#gone.set(at, n!);
  }

  /** Before STORE goes out: null; after its OK: the flags. */
  flagged(at: Place, flags: string | null): void {
    const copy = this.#at(at);
    if (copy !== null) copy.flags = flags;
    if (flags !== null) this.acknowledged++;
  }

  #unmet(n: number): readonly Sending[] {
    return (this.#sending.get(n) ?? []).filter(({ met }) => met === null);
  }

  #at(at: Place): Copy | null {
    const n = this.#ever.get(at);
    return this.#copies.get(n ?? -1)?.find((one) => one.at === at) ?? null;
  }

  #add(n: number, copy: Copy): void {
    const copies = this.#copies.get(n);
    if (copies === undefined) this.#copies.set(n, [copy]);
    else copies.push(copy);
  }

  /** Holds what is there against what was promised. */
  check(found: readonly Found[]): Record<'lost' | 'returned' | 'duplicates' | 'flagsLost' | 'unacknowledged', number> {
    const result = { lost: 0, returned: 0, duplicates: 0, flagsLost: 0, unacknowledged: 0 };
    const there = new Map<number, Found[]>();
    for (const one of found) {
      this.seen(one.number, one.at, false);
      if (this.#gone.has(one.at)) result.returned++;
      there.set(one.number, [...(there.get(one.number) ?? []), one]);
    }
    for (const [n, copies] of this.#copies) {
      const rest = [...(there.get(n) ?? [])];
      // Those with a known place first, so that they are not taken for one that may be anywhere.
      for (const copy of [...copies].sort((a, b) => Number(a.at === null || a.mayHaveMoved) - Number(b.at === null || b.mayHaveMoved))) {
        let i = rest.findIndex(({ at }) => at === copy.at);
        if (i < 0 && (copy.at === null || copy.mayHaveMoved)) i = rest.findIndex(({ at }) => at.split(' ')[0] === copy.account);
        if (i < 0) {
          if (!copy.mayBeGone) result.lost++;
          continue;
        }
        const [one] = rest.splice(i, 1);
        if (copy.flags !== null && one!.at === copy.at && one!.flags !== copy.flags) result.flagsLost++;
      }
      there.set(n, rest);
    }
    for (const [n, rest] of there) {
      const allowed = this.#unmet(n).length;
      result.unacknowledged += Math.min(allowed, rest.length);
      result.duplicates += Math.max(0, rest.length - allowed);
    }
    return result;
  }

  get mailboxes(): ReadonlySet<string> {
    return new Set([...this.#ever.keys()].map(mailboxOf));
  }
}
