// A deleted index: how soon the mailbox can be used, and when all of it is there again.
import { setTimeout as sleep } from 'node:timers/promises';
import { fillMaildir } from '../drivers/fill.ts';
import type { Measures } from '../measures.ts';
import { openClient } from './imap.ts';

export async function rebuild(m: Measures, user: string, count: number, stock: string): Promise<void> {
  const { server } = m;
  await fillMaildir(server, user, count, stock);
  const before = await openClient(server, user);
  await before.command('FETCH 1:* ENVELOPE');
  await before.command('LOGOUT');
  await server.dropIndex!(user);
  const name = `deleted index of ${count} messages:`;
  const start = performance.now();
  const client = await openClient(server, user, '');
  await m.time(`${name} SELECT`, null, () => client.command('SELECT INBOX'));
  const other = await openClient(server, user);
  let running = true;
  let worst = 0;
  const others = (async (): Promise<void> => {
    while (running) {
      const asked = performance.now();
      await other.command('NOOP');
      await other.command(`FETCH 1:${Math.min(100, count)} (UID FLAGS)`);
      worst = Math.max(worst, performance.now() - asked);
      await sleep(10);
    }
  })();
  const all = await m.cost(() => client.command('FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)'));
  const elapsed = performance.now() - start;
  running = false;
  await others;
  m.put(`${name} all envelopes, from login on (5,000 at most)`, 'ms', null, elapsed, all);
  m.put(`${name} NOOP and flags of 100 meanwhile, worst`, 'ms', null, worst);
  client.close();
  other.close();
}
