// Clients of every kind and other programs on the same mailboxes, each word that is said held against a model of what there is.
import { join } from 'node:path';
import { season } from '../stress/views/run.ts';
import { ImapClient } from '../support/imap.ts';
import { connectToWorker } from '../support/worker-connection.ts';
import { faultServer } from './fault-server.ts';
import { type FaultTest, figures } from './fault-test.ts';

const length = 80;

export const viewTests: readonly FaultTest[] = [
  {
    name: 'views',
    async run({ long, workers, rounds = long ? 130 : 20, seed = Date.now() % 1_000_000 }) {
      const server = await faultServer({ accounts: Array.from({ length: rounds }, (_, n) => `u${n}@example.com`), workers });
      try {
        const pids = workers === 1 ? [] : server.workers();
        const connect = async (n: number): Promise<ImapClient> =>
          pids.length === 0
            ? ImapClient.connect(server.ports.IMAP)
            : new ImapClient(await connectToWorker(server.ports.IMAP, pids[n % pids.length]!));
        const steps = await season({ plays: rounds, length, stages: 12, seed }, (n) => ({
          user: `u${n}@example.com`,
          home: join(server.dir, 'mail/example.com', `u${n}`),
          connect,
        }));
        return figures({ seed, plays: rounds, steps, errors: server.errors().length }, ['errors']);
      } finally {
        await server.close();
      }
    },
  },
];
