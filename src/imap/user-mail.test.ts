import fc from 'fast-check';
import { expect, it } from 'vitest';
import { memoryStore } from '../../test/support/memory-store.ts';
import { stagedBytes } from '../base/staging.ts';
import type { Account } from '../directory/directory.ts';
import type { Sharing } from '../directory/sharing.ts';
import { Fault } from '../mail/fault.ts';
import type { AccountId } from '../mail/numbers.ts';
import { allRights } from '../mail/rights.ts';
import { UserMail } from './user-mail.ts';

const account = (name: string): Account => ({
  id: 1 as AccountId,
  address: `${name}@example.com`,
  password: '',
  enabled: true,
  home: `/${name}`,
  quota: 0,
});
const message = () => ({ message: stagedBytes(Buffer.from('Subject: x\n\nbody\n')), flags: ['\\Seen', '\\Flagged', '\\Deleted'] });

async function shared(rights: string) {
  const store = memoryStore();
  const ann = await store.open(account('ann'));
  const team = await ann.create('Team');
  await ann.append('Team', [message(), message()]);
  await ann.create('Secret');
  await ann.setAcl(team.id, 'bob@example.com', 'replace', rights);
  const sharing: Sharing = { owners: () => ['ann@example.com'], publish() {} };
  const directory = { account: async () => account('ann') };
  const bob = new UserMail(await store.open(account('bob')), { store, directory, sharing, stagingDir: '/nowhere' });
  await bob.freshen();
  return { ann, bob, team };
}

const outcome = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'ok';
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.kind;
  }
};

const name = 'Shared/ann@example.com/Team';

it('grants each operation by its right and no other, and hides what may not be looked up', async () => {
  const subsets = fc.subarray(Array.from(allRights)).map((rights) => rights.join(''));
  await fc.assert(
    fc.asyncProperty(subsets, async (rights) => {
      const { ann, bob, team } = await shared(rights);
      const has = (needed: string) => Array.from(needed).every((right) => rights.includes(right));
      const refused = has('l') ? 'noPermission' : 'noSuchMailbox';
      const by = (needed: string) => (has(needed) ? 'ok' : refused);
      expect(bob.list().some((one) => one.name === name)).toBe(has('l'));
      const found = bob.find(name);
      expect(found !== null).toBe(/[lrikxa]/.test(rights));
      expect(bob.find('Shared/ann@example.com/Secret')).toBe(null);
      if (found === null) return;
      expect(found.id).toBe(team.id);
      const { id } = found;
      expect(await outcome(() => bob.status(id))).toBe(by('r'));
      expect(await outcome(() => bob.search(id, { kind: 'all' }))).toBe(by('r'));
      expect(await outcome(() => bob.openMessage(id, 1 as never))).toBe(by('r'));
      expect(await outcome(() => bob.acl(id))).toBe(by('a'));
      expect(await outcome(() => bob.copy(id, [1], 'INBOX'))).toBe(by('r'));
      expect(await outcome(() => bob.append(name, [message()]))).toBe(by('i'));
      if (has('i')) {
        const flags = ann.snapshot(id).flags.at(-1)!;
        expect([flags & 1, flags & 4, flags & 8].map((bit) => bit !== 0)).toEqual([has('s'), has('w'), has('t')]);
      }
      for (const [flag, right] of [
        ['\\Seen', 's'],
        ['\\Deleted', 't'],
        ['\\Flagged', 'w'],
        ['kw', 'w'],
      ] as const) {
        const wanted = !has('r') ? refused : has(right) ? 'ok' : 'noPermission';
        expect(await outcome(() => bob.store(id, [1], { op: 'add', flags: [flag] }))).toBe(wanted);
      }
      expect(await outcome(() => bob.create(`${name}/sub`))).toBe(has('k') ? 'ok' : 'noPermission');
      expect(await outcome(() => bob.create('Shared/ann@example.com/top'))).toBe('noPermission');
      const metadata = has('l') ? (/[rswip]/.test(rights) ? 'ok' : 'noPermission') : 'noSuchMailbox';
      expect(await outcome(() => bob.metadata(id))).toBe(metadata);
      expect(await outcome(() => bob.move(id, [1], 'INBOX'))).toBe(by('rte'));
      expect(await outcome(() => bob.expunge(id))).toBe(by('e'));
      expect(await outcome(() => bob.setAcl(id, 'cy@example.com', 'replace', 'l'))).toBe(by('a'));
      await ann.setAcl(id, 'bob@example.com', 'forget', '');
      expect(bob.get(id)).toBe(null);
      expect(bob.find(name)).toBe(null);
    }),
    { numRuns: 150 },
  );
});

it('replaces only flags that may be touched', async () => {
  const { ann, bob, team } = await shared('lrs');
  await bob.freshen();
  const { id } = bob.find(name)!;
  const { rows } = await bob.store(id, [1], { op: 'replace', flags: ['\\Answered'] });
  expect([...rows.flags]).toEqual([12]);
  expect(ann.snapshot(team.id).flags[0]).toBe(12);
});
