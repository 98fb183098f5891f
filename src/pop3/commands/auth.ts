import type { Account } from '../../directory/directory.ts';
import type { Pop3Command } from '../command.ts';
import { Refusal } from '../faults.ts';
import { base64, initialResponse } from '../grammar/base64.ts';
import { words } from '../grammar/command-line.ts';
import type { Session } from '../session.ts';

/** SASL, with or without an initial response. Without a mechanism it lists them, as clients of RFC 1734's time ask. RFC 5034 4 */
export const auth: Pop3Command = {
  name: 'AUTH',
  states: ['authorization'],

  capability(session) {
    const mechanisms = session.authenticator.mechanisms(session.authContext);
    return mechanisms.length === 0 ? null : `SASL ${mechanisms.join(' ')}`;
  },

  async run(argument, session) {
    const [mechanism, initial, ...more] = words(argument);
    if (mechanism === undefined) {
      session.ok();
      session.list(session.authenticator.mechanisms(session.authContext));
      return;
    }
    if (more.length > 0) throw new Refusal('syntax', (texts) => texts.syntax);
    const exchange = session.authenticator.start(mechanism.toUpperCase(), session.authContext);
    const first = initial === undefined ? null : decoded(initialResponse(initial));
    await session.login(mechanism.toUpperCase(), () => converse(session, exchange, first));
  },
};

async function converse(session: Session, exchange: ReturnType<Session['authenticator']['start']>, first: Buffer | null): Promise<Account> {
  for (let response = first; ; ) {
    const step = await exchange.step(response);
    if ('account' in step) return step.account;
    const line = await session.prompt(step.challenge.toString('base64'));
    if (line === '*') throw new Refusal('syntax', (texts) => texts.authAborted);
    response = decoded(base64(line));
  }
}

function decoded(octets: Buffer | null): Buffer {
  if (octets === null) throw new Refusal('syntax', (texts) => texts.badBase64);
  return octets;
}
