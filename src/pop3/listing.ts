import { setImmediate as nextTurn } from 'node:timers/promises';
import { inSlices } from '../base/slices.ts';
import type { MailboxId } from '../mail/numbers.ts';
import type { AccountStore } from '../store/store.ts';
import type { UidlFormat } from './grammar/uidl-format.ts';
import { type UidlSource, uidls } from './uidl.ts';

/** Messages that are kept in mind over sessions, of all maildrops of a worker; about 200 octets each. */
const keptMessages = 200_000;

/** What does not change about a maildrop's messages, in order. */
export interface Listing {
  readonly uidValidity: number;
  readonly uids: Uint32Array;
  /** Octets with CRLF line ends. */
  readonly sizes: Float64Array;
  readonly fileNames: readonly string[];
  /** By format, made when first asked for. */
  readonly uidls: Map<UidlFormat | null, readonly string[]>;
}

/**
 * Listings of the maildrops opened last. Clients poll: what a UID's size and name are is asked of the store once, then only for
 * messages that are new.
 */
export class Listings {
  readonly #kept = new Map<string, Listing>();
  readonly #limit: number;
  #messages = 0;

  constructor(limit = keptMessages) {
    this.#limit = limit;
  }

  /** Messages of INBOX as they are now. */
  async of(store: AccountStore, inbox: MailboxId): Promise<Listing> {
    const { address } = store.account;
    const { uids, uidValidity } = store.snapshot(inbox);
    const before = this.#kept.get(address);
    const known = before?.uidValidity === uidValidity ? before : undefined;
    const listing = known !== undefined && same(known.uids, uids) ? known : await read(store, inbox, uids, uidValidity, known);
    this.#keep(address, listing);
    return listing;
  }

  #keep(address: string, listing: Listing): void {
    this.#forget(address);
    this.#kept.set(address, listing);
    this.#messages += listing.uids.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#messages <= this.#limit) break;
      this.#forget(oldest);
    }
  }

  #forget(address: string): void {
    this.#messages -= this.#kept.get(address)?.uids.length ?? 0;
    this.#kept.delete(address);
  }
}

/** Unique-ids of a listing's messages, in order. */
export async function listingUidls(listing: Listing, format: UidlFormat | null): Promise<readonly string[]> {
  const made = listing.uidls;
  let found = made.get(format);
  if (found === undefined) {
    found = await inSlices(uidls(format, sources(listing)));
    made.set(format, found);
  }
  return found;
}

function* sources({ uids, uidValidity, fileNames }: Listing): Iterable<UidlSource> {
  for (let i = 0; i < uids.length; i++) yield { uid: uids[i]!, uidValidity, fileName: fileNames[i]! };
}

function same(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

async function read(store: AccountStore, inbox: MailboxId, all: Uint32Array, uidValidity: number, known?: Listing): Promise<Listing> {
  const facts = new Map<number, readonly [size: number, fileName: string]>();
  if (known !== undefined) for (const [i, uid] of known.uids.entries()) facts.set(uid, [known.sizes[i]!, known.fileNames[i]!]);
  const unknown = all.filter((uid) => !facts.has(uid));
  let left = unknown.length;
  if (left > 0) {
    for (const rows of store.fetch(inbox, unknown, ['fileName'])) {
      for (const { uid, size, fileName = '' } of rows) facts.set(uid, [size, fileName]);
      left -= rows.length;
      if (left > 0) await nextTurn();
    }
  }
  // One that went between the two looks is not there.
  const uids = all.filter((uid) => facts.has(uid));
  return {
    uidValidity,
    uids,
    sizes: Float64Array.from(uids, (uid) => facts.get(uid)![0]),
    fileNames: Array.from(uids, (uid) => facts.get(uid)![1]),
    uidls: new Map(),
  };
}
