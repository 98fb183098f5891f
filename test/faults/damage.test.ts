import { expect, it } from 'vitest';
import { quietDamage } from './damage.ts';

// All of it, and octets changed at random: npm run faults -- --only index
it('believes the names of files where rows of the index disagree', async () => {
  const rows = [
    "UPDATE message SET file = replace(file, 'M', 'X') WHERE uid = 7",
    'UPDATE message SET file = (SELECT file FROM message AS other WHERE other.mailbox_id = message.mailbox_id AND other.uid = 17 - message.uid) WHERE uid IN (8, 9)',
    'UPDATE message SET uid = 4000 WHERE uid = 9',
  ];
  expect(await quietDamage(rows)).toMatch(/^rows 6, lost 0, foreignBytes 0, newUid 0, unreadable 0, flagsLost 0/);
});
