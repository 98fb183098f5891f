import type { Pop3Command } from '../command.ts';
import { Refusal } from '../faults.ts';

/** Goes on under TLS; nothing said before counts. RFC 2595 4 */
export const stls: Pop3Command = {
  name: 'STLS',
  states: ['authorization'],

  capability: (session) => (session.state === 'authorization' && session.connection.canStartTls ? 'STLS' : null),

  async run(argument, session) {
    if (session.connection.secure) throw new Refusal('badSequence', (texts) => texts.alreadyTls);
    if (argument !== '') throw new Refusal('syntax', (texts) => texts.syntax);
    if (!session.connection.canStartTls) throw new Refusal('unsupported', (texts) => texts.unsupported);
    await session.startTls();
  },
};
