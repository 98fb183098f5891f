import { imapStress, type StressOptions } from '../stress/imap-stress.ts';
import { faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

const ways: Readonly<Record<string, Partial<StressOptions>>> = {
  cycle: { order: 'cycle', checkpoint: 1000 },
  random: { order: 'random', checkpoint: 1000 },
  flags: { order: 'cycle', checkpoint: 1000, own: 'flags' },
  messages: { order: 'random', checkpoint: 1000, own: 'messages' },
  qresync: { order: 'random', qresync: true },
  rev2: { order: 'random', checkpoint: 1000, rev2: true, qresync: true },
};

/** Twenty clients on one mailbox: nothing they are told may contradict what they or others were told. */
export const crowdedMailboxTests: readonly FaultTest[] = Object.entries(ways).map(([name, options]) => ({
  name: `crowd-${name}`,
  async run({ long, workers }) {
    const server = await faultServer({ accounts: ['ann@example.com'], workers });
    try {
      const { errors, commands, checkpoints } = await imapStress({
        port: server.ports.IMAP,
        user: 'ann@example.com',
        password: 'secret',
        mailbox: 'Stress',
        clients: 20,
        duration: long ? 60_000 : 5_000,
        ...options,
      });
      if (errors.length > 0) throw new Failed(`${errors.length} contradictions, the first: ${errors.slice(0, 3).join('; ')}`);
      return figures({ commands, checkpoints, bugs: server.errors().length }, ['bugs']);
    } finally {
      await server.close();
    }
  },
}));
