import { expect, it } from 'vitest';
import { relayKill } from './relay-kill.ts';

it('loses nothing when killed while it sends', { timeout: 120_000 }, async () => {
  const result = await relayKill(200, 4);
  expect(result).toMatchObject({ kills: 4, lost: 0, damaged: 0, left: 0 });
  expect(result.duplicates).toBeLessThanOrEqual(result.kills);
});
