import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../../test/support/runs.ts';
import { cpu } from '../../test/support/time.ts';
import { mailboxPattern } from './mailbox-pattern.ts';

it.each([
  ['*', 'a/b', true],
  ['%', 'a', true],
  ['%', 'a/b', false],
  ['a/%', 'a/b', true],
  ['a/%', 'a/b/c', false],
  ['%/%', 'a/b', true],
  ['*b', 'a/b', true],
  ['%b', 'a/b', false],
  ['%*', 'a/b', true],
  ['inbox', 'INBOX', true],
  ['inb%', 'INBOX', true],
  ['inbox/x', 'INBOX/x', true],
  ['Inbox2', 'INBOX2', false],
  ['', 'a', false],
])('%s against %s: %s', (pattern, name, expected) => {
  expect(mailboxPattern(pattern)(name)).toBe(expected);
});

it('agrees with a regular expression', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '%'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (p, name) => {
      const regex = new RegExp(`^${p.replaceAll('*', '.*').replaceAll('%', '[^/]*')}$`);
      expect(mailboxPattern(p)(name)).toBe(regex.test(name));
    }),
    { numRuns: runs(1000) },
  );
});

it('costs no more than pattern times name', async () => {
  const spent = await cpu(() => expect(mailboxPattern(`${'*a'.repeat(500)}b`)('a'.repeat(1000))).toBe(false));
  expect(spent).toBeLessThan(1000);
});

it('costs no more for many wildcards in a row', async () => {
  const spent = await cpu(() => expect(mailboxPattern(`${'%'.repeat(1 << 18)}b`)('a'.repeat(1000))).toBe(false));
  expect(spent).toBeLessThan(1000);
});
