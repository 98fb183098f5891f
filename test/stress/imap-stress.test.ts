import { expect, it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import { imapStress, type StressOptions } from './imap-stress.ts';

/** For a minute each, with twenty clients and two workers: `npm run faults`. */
it.each<[string, Partial<StressOptions>]>([
  ['at random', { order: 'random', checkpoint: 200 }],
  ['coming back with QRESYNC', { order: 'random', qresync: true }],
])('nobody is told anything that cannot be, %s', async (_, options) => {
  const server = await startTestServer();
  try {
    const { errors, commands } = await imapStress({
      port: server.port('imap'),
      user: 'ann@example.com',
      password: 'secret',
      mailbox: 'Stress',
      clients: 6,
      duration: 1000,
      ...options,
    });
    expect(errors).toEqual([]);
    expect(commands).toBeGreaterThan(20);
  } finally {
    await server.close();
  }
});
