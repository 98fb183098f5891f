import { Fault } from '../../mail/fault.ts';
import { capabilityList } from '../capability.ts';
import { command } from '../command.ts';

/** RFC 9051 6.2.3 */
export const login = command({
  name: 'LOGIN',
  states: ['notAuthenticated'],
  updates: 'none',

  parse(line) {
    line.space();
    const name = line.astring();
    line.space();
    const password = line.astring();
    line.end();
    return { name: utf8(name), password: utf8(password) };
  },

  async run({ name, password }, session) {
    const { authenticator } = session.deps;
    // LOGINDISABLED. RFC 9051 6.2.3
    if (!authenticator.allowsPlaintext(session.authContext)) throw new Fault('tlsRequired', 'LOGIN in the clear');
    await session.begin(await authenticator.login(name, password, session.authContext));
    return loggedIn(session);
  },
});

/** Text of the tagged OK. The list also goes out untagged, for clients that read it only there. RFC 9051 6.2.3 */
export function loggedIn(session: Parameters<typeof capabilityList>[0]): string {
  session.out.untagged(`CAPABILITY ${capabilityList(session)}`);
  return `Logged in`;
}

function utf8(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8');
}
