import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SortKeys } from '../mail/mime/part.ts';
import { comparator, type SortCriterion, type SortItem } from '../mail/sort.ts';
import { columnOf, type NumberKey } from '../mail/sort-numbers.ts';
import { SortOrders, type SortSource } from './sort-orders.ts';

const bySubject: SortCriterion[] = [{ key: 'subject', reverse: false }];
const bySize: SortCriterion[] = [{ key: 'size', reverse: true }];
const byBoth: SortCriterion[] = [
  { key: 'size', reverse: true },
  { key: 'subject', reverse: false },
];

/** A mailbox whose messages come and go. */
function source() {
  const all: SortItem[] = [];
  const gone = new Set<number>();
  let asked = 0;
  const keys = {
    version: 0,
    get count() {
      return all.length;
    },
    async load() {},
    uids: (from: number, before: number) => Uint32Array.from(all.slice(from, before), ({ uid }) => uid),
    async column(uids: ArrayLike<number>, key: NumberKey) {
      return columnOf(await this.items(uids), key);
    },
    async items(uids: ArrayLike<number>) {
      asked += uids.length;
      const wanted = new Set(Array.from(uids));
      return all.filter(({ uid }) => wanted.has(uid) && !gone.has(uid));
    },
  };
  const add = (subject: string, size: number): void => {
    all.push({ uid: all.length * 2 + 3, internalDate: 0, size, keys: { subject } as SortKeys });
  };
  return { keys: keys satisfies SortSource, all, gone, add, asked: () => asked };
}

describe('SortOrders', () => {
  it('gives what a sort of those asked for gives, whatever came and went since it was asked last', async () => {
    const step = fc.oneof(
      {
        arbitrary: fc.record({
          op: fc.constant('add' as const),
          subject: fc.constantFrom('a', 'b', 'c', 'd'),
          size: fc.integer({ min: 0, max: 3 }),
        }),
        weight: 6,
      },
      fc.record({ op: fc.constant('many' as const), count: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ op: fc.constant('go' as const), at: fc.nat(100) }),
      fc.record({ op: fc.constant('change' as const), at: fc.nat(100) }),
      {
        arbitrary: fc.record({
          op: fc.constant('sort' as const),
          criteria: fc.constantFrom(bySubject, bySize, byBoth),
          among: fc.integer({ min: 1, max: 7 }),
        }),
        weight: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { keys, all, gone, add } = source();
        const orders = new SortOrders(keys);
        for (const one of steps) {
          if (one.op === 'add') add(one.subject, one.size);
          else if (one.op === 'many') for (let n = 0; n < one.count; n++) add('abcd'[n % 4]!, n % 5);
          else if (one.op === 'go' && one.at < all.length) gone.add(all[one.at]!.uid);
          else if (one.op === 'change' && one.at < all.length) {
            all[one.at] = { ...all[one.at]!, size: 9 };
            keys.version++;
          } else if (one.op === 'sort') {
            const wanted = all.filter(({ uid }) => uid % one.among === 0 && !gone.has(uid));
            const sorted = await orders.sort(
              Uint32Array.from(wanted, ({ uid }) => uid),
              one.criteria,
            );
            expect([...sorted]).toEqual(wanted.toSorted(comparator(one.criteria)).map(({ uid }) => uid));
          }
        }
      }),
    );
  });

  it('asks for the keys of few once it knows an order', async () => {
    const { keys, all, add, asked } = source();
    for (let n = 0; n < 1000; n++) add(`${n % 7}`, n);
    const orders = new SortOrders(keys);
    const uids = () => Uint32Array.from(all, ({ uid }) => uid);
    await orders.sort(uids(), bySubject);
    expect(asked()).toBe(1000);
    await orders.sort(uids(), bySubject);
    expect(asked()).toBe(1000);
    add('3', 1);
    await orders.sort(uids(), bySubject);
    expect(asked()).toBeLessThan(1020);
  });
});
