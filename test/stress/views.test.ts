import { expect, it } from 'vitest';
import { ImapClient } from '../support/imap.ts';
import { startTestServer } from '../support/server.ts';
import { season } from './views/run.ts';

const plays = 6;
const length = 40;
const user = (n: number): string => `u${n}@example.com`;

/** Ten thousand steps: `npm run faults -- --only views --long`. */
it('what clients are told is what there is, whoever changes it', async () => {
  const server = await startTestServer({ accounts: Object.fromEntries(Array.from({ length: plays }, (_, n) => [user(n), 'secret'])) });
  try {
    const home = server.settings['mail.home'] as string;
    const seed = Date.now() % 1_000_000;
    const steps = await season({ plays, length, stages: plays, seed }, (n) => ({
      user: user(n),
      home: home.replace('%d', 'example.com').replace('%n', `u${n}`),
      connect: () => ImapClient.connect(server.port('imap')),
    }));
    expect(steps).toBe(length * plays);
  } finally {
    await server.close();
  }
});
