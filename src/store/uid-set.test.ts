import fc from 'fast-check';
import { expect, it } from 'vitest';
import { UidSet } from './uid-set.ts';

it('has what was added, as a set has', () => {
  const uid = fc.oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 65_500, max: 65_600 }),
    fc.integer({ min: 1, max: 0xffff_ffff }),
  );
  fc.assert(
    fc.property(fc.array(uid), fc.array(uid), (added, asked) => {
      const set = new UidSet(added);
      const model = new Set(added);
      expect(set.size).toBe(model.size);
      for (const one of [...asked, ...added]) expect(set.has(one)).toBe(model.has(one));
      const uids = Uint32Array.from(new Set([...asked, ...added.slice(0, 3)])).sort();
      expect(Array.from(set.among(uids))).toEqual(Array.from(uids).filter((one) => model.has(one)));
    }),
  );
});
