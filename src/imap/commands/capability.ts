import { capabilityList } from '../capability.ts';
import { command, noArguments } from '../command.ts';

/** RFC 9051 6.1.1 */
export const capability = command({
  name: 'CAPABILITY',
  states: ['notAuthenticated', 'authenticated', 'selected'],
  updates: 'noExpunge',
  parse: noArguments,

  run(_, session) {
    session.out.untagged(`CAPABILITY ${capabilityList(session)}`);
  },
});
