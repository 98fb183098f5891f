import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';
import { loggedIn } from './login.ts';

const longest = 16 * 1024;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** SASL, with an initial response where the client has one. RFC 9051 6.2.2, RFC 4959 */
export const authenticate = command({
  name: 'AUTHENTICATE',
  states: ['notAuthenticated'],
  updates: 'none',

  parse(line) {
    line.space();
    const mechanism = line.atom().toUpperCase();
    const initial = line.accept(' ') ? line.take('base64', /=|[A-Za-z0-9+/]+=*/y) : null;
    line.end();
    return { mechanism, initial };
  },

  async run({ mechanism, initial }, session) {
    const { connection, out, deps, settings } = session;
    const exchange = deps.authenticator.start(mechanism, session.authContext);
    let response = initial === null ? null : decode(initial === '=' ? '' : initial);
    for (;;) {
      const result = await exchange.step(response);
      if ('account' in result) {
        await session.begin(result.account);
        return loggedIn(session);
      }
      out.line(`+ ${result.challenge.toString('base64')}`);
      out.flush();
      const left = session.started + settings.loginTimeout - deps.clock.now();
      const line = await connection.readLine(longest, left, { bareLf: true });
      if (line === null) throw new Fault('unavailable', 'connection lost');
      if (line.length === 1 && line[0] === 0x2a) throw new Fault('syntax', 'Authentication cancelled');
      response = decode(line.toString('latin1'));
    }
  },
});

function decode(text: string): Buffer {
  if (!base64.test(text)) throw new Fault('syntax', 'Invalid base64 data');
  return Buffer.from(text, 'base64');
}
