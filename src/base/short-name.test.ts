import { expect, it } from 'vitest';
import { shortName } from './short-name.ts';

it('short names are eight characters, each another', () => {
  const names = Array.from({ length: 1000 }, shortName);
  expect(names.every((name) => /^[\w-]{8}$/.test(name))).toBe(true);
  expect(new Set(names).size).toBe(1000);
});
