import { expect, it } from 'vitest';
import { roomIn } from './descriptors.ts';

it('shares descriptors between connections and files', () => {
  expect(roomIn(256)).toEqual({ connections: 128, accounts: 10 });
  expect(roomIn(20_000)).toEqual({ connections: 17_952, accounts: 330 });
  expect(roomIn(64).accounts).toBe(4);
});
