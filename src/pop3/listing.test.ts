import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryInboxes } from '../../test/support/memory-inbox.ts';
import type { AccountId, MailboxId } from '../mail/numbers.ts';
import { Listings, listingUidls } from './listing.ts';

const inbox = 1 as MailboxId;

async function world(...names: string[]) {
  const store = new MemoryInboxes();
  const accounts = await Promise.all(
    names.map(async (name, i) => {
      const account = await store.open({ id: i as AccountId, address: name, home: join(tmpdir(), 'postcote-listing'), quota: 0 });
      const asked: number[] = [];
      const fetch = account.fetch.bind(account);
      account.fetch = (id, uids, columns) => {
        asked.push(uids.length);
        return fetch(id, uids, columns);
      };
      return Object.assign(account, { asked });
    }),
  );
  return { store, accounts };
}

describe('Listings', () => {
  it('asks only for what is new', async () => {
    const { store, accounts } = await world('a@example.com');
    const [account] = accounts;
    const listings = new Listings();
    store.put('a@example.com', 'a: 1\n', 'a: 22\n');
    const first = await listings.of(account!, inbox);
    expect([...first.sizes]).toEqual([6, 7]);
    const ids = await listingUidls(first, null);
    expect(await listings.of(account!, inbox)).toBe(first);
    expect(await listingUidls(first, null)).toBe(ids);
    store.put('a@example.com', 'a: 333\n');
    store.inbox('a@example.com').shift();
    const second = await listings.of(account!, inbox);
    expect([...second.uids]).toEqual([2, 3]);
    expect([...second.sizes]).toEqual([7, 8]);
    expect(await listingUidls(second, null)).toEqual(['1700000000.M2P1.host', '1700000000.M3P1.host']);
    expect(account!.asked).toEqual([2, 1]);
  });

  it('forgets what was used longest ago', async () => {
    const { store, accounts } = await world('a@example.com', 'b@example.com');
    const listings = new Listings(3);
    for (const { account } of accounts) store.put(account.address, 'a: 1\n', 'a: 2\n');
    const [a, b] = accounts;
    await listings.of(a!, inbox);
    await listings.of(b!, inbox);
    await listings.of(b!, inbox);
    await listings.of(a!, inbox);
    expect([a!.asked, b!.asked]).toEqual([[2, 2], [2]]);
  });
});
