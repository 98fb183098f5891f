import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { type Credential, CredentialCache } from './credential-cache.ts';

const clockAt = (start: number) => ({
  time: start,
  now(): number {
    return this.time;
  },
});

describe('CredentialCache', () => {
  it('never answers for another user, stored password, service or mechanism', () => {
    // Parts that can run into each other, so that pairs differ by where one ends and the next starts.
    const part = fc.oneof(fc.string({ unit: fc.constantFrom('a', ':', '\0', '1', '@'), maxLength: 4 }), fc.string());
    const credential: fc.Arbitrary<Credential> = fc.record({ address: part, stored: part, password: part, service: part, mechanism: part });
    const cache = new CredentialCache({ ttl: 1000, size: 10 }, clockAt(0));
    fc.assert(
      fc.property(credential, credential, (one, other) => {
        const name = cache.name(one);
        cache.add(name);
        const same = (Object.keys(one) as (keyof Credential)[]).every((key) => one[key] === other[key]);
        if (cache.has(cache.name(other)) !== same) throw new Error('answered for another');
        // Put out again, so that the next pair finds nothing of this one.
        for (let i = 0; i < 10; i++) cache.add(`${i}`);
        if (cache.has(name)) throw new Error('still there');
      }),
      { numRuns: runs(100_000) },
    );
  }, 120_000);

  it('forgets with time, also when the clock is set back, and keeps to its size', () => {
    const clock = clockAt(1_000_000);
    const cache = new CredentialCache({ ttl: 1000, size: 3 }, clock);
    for (const name of ['a', 'b', 'c', 'd']) cache.add(name);
    expect(['a', 'b', 'c', 'd'].map((name) => cache.has(name))).toEqual([false, true, true, true]);
    clock.time += 999;
    expect(cache.has('b')).toBe(true);
    clock.time += 1;
    expect(cache.has('b')).toBe(false);
    clock.time -= 500_000;
    expect(cache.has('c')).toBe(false);
    const none = new CredentialCache({ ttl: 0 }, clock);
    none.add('a');
    expect(none.has('a')).toBe(false);
  });

  it('has names that say nothing to another process', () => {
    const credential: Credential = { address: 'a', stored: 'b', password: 'c', service: 'd', mechanism: 'e' };
    const [one, two] = [new CredentialCache({ ttl: 1 }, clockAt(0)), new CredentialCache({ ttl: 1 }, clockAt(0))];
    expect(one.name(credential)).not.toBe(two.name(credential));
  });
});
