import { Share } from '../base/share.ts';
import { inSlices } from '../base/slices.ts';
import { insertionPlaces, needsText, type SortCriterion, type SortItem, sortedUids } from '../mail/sort.ts';
import { onlyNumber, sortedPlaces } from '../mail/sort-numbers.ts';
import type { MailboxKeys } from './keys.ts';
import { UidSet } from './uid-set.ts';

/** Orders of one mailbox that are kept. */
const kept = 4;
/** So many new messages are put where they belong; more have all sorted anew. */
const fewNew = 32;
/** Where fewer than one in so many are asked for, only these are sorted. */
const sparse = 4;

export type SortSource = Pick<MailboxKeys, 'load' | 'count' | 'version' | 'uids' | 'items' | 'column'>;

interface Order {
  readonly uids: Uint32Array;
  /** Of the keys it goes by. */
  readonly version: number;
  /** Messages that were known. */
  readonly count: number;
}

/** Messages of one mailbox in the orders that were asked for last: clients ask again whenever they show a list, and keys do not change. */
export class SortOrders {
  readonly #keys: SortSource;
  /** The one asked for last at the end. */
  readonly #kept = new Map<string, Order>();

  constructor(keys: SortSource) {
    this.#keys = keys;
  }

  async sort(uids: Uint32Array, criteria: readonly SortCriterion[]): Promise<Uint32Array> {
    await this.#keys.load();
    const share = new Share();
    const key = JSON.stringify(criteria);
    const known = this.#kept.get(key);
    let order = known === undefined ? null : await this.#upToDate(known, criteria);
    if (order === null && uids.length * sparse < this.#keys.count) return this.#sorted(uids, criteria);
    order ??= await this.#made(criteria);
    this.#kept.delete(key);
    this.#kept.set(key, order);
    if (this.#kept.size > kept) this.#kept.delete(this.#kept.keys().next().value!);
    await share.next();
    const wanted = new UidSet(uids);
    await share.next();
    return order.uids.filter((uid) => wanted.has(uid));
  }

  async #sorted(uids: Uint32Array, criteria: readonly SortCriterion[]): Promise<Uint32Array> {
    const single = onlyNumber(criteria);
    if (single !== null) {
      const { uids: found, values } = await this.#keys.column(uids, single.key);
      const share = new Share();
      const order = await inSlices(sortedPlaces(values, single.reverse));
      await share.next();
      for (let n = 0; n < order.length; n++) order[n] = found[order[n]!]!;
      return order;
    }
    return inSlices(sortedUids(await this.#keys.items(uids, needsText(criteria)), criteria));
  }

  /** All messages of the mailbox. */
  async #made(criteria: readonly SortCriterion[]): Promise<Order> {
    const { version, count } = this.#keys;
    return { uids: await this.#sorted(this.#keys.uids(0, count), criteria), version, count };
  }

  /** The same with what is new in it; null where it is to be made anew. */
  async #upToDate(order: Order, criteria: readonly SortCriterion[]): Promise<Order | null> {
    const { version, count } = this.#keys;
    if (order.version !== version || count > order.count + fewNew) return null;
    if (order.count === count) return order;
    const fresh = await this.#sorted(this.#keys.uids(order.count, count), criteria);
    const itemOf = async (uid: number): Promise<SortItem | undefined> => (await this.#keys.items([uid], needsText(criteria)))[0];
    const places = await insertionPlaces(itemOf, order.uids, fresh, criteria);
    const uids = new Uint32Array(order.uids.length + fresh.length);
    let from = 0;
    for (const [n, at] of places.entries()) {
      uids.set(order.uids.subarray(from, at), from + n);
      uids[at + n] = fresh[n]!;
      from = at;
    }
    uids.set(order.uids.subarray(from), from + fresh.length);
    return { uids, version, count };
  }
}
