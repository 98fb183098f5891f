import { Fault } from '../../mail/fault.ts';
import { command } from '../command.ts';

/** Who we are; what the client says of itself goes to the log. RFC 2971 */
export const id = command({
  name: 'ID',
  capabilities: ['ID'],
  states: ['notAuthenticated', 'authenticated', 'selected'],
  updates: 'noExpunge',

  parse(line) {
    line.space();
    const fields: Record<string, string> = Object.create(null);
    if (line.next !== '(') {
      if (line.nstring() !== null) line.fail('parameter list');
      line.end();
      return fields;
    }
    let count = 0;
    line.expect('(');
    while (!line.accept(')')) {
      if (count++ > 0) line.space();
      const name = line.string().slice(0, 30).toLowerCase();
      line.space();
      const value = line.nstring();
      if (value !== null) fields[name] = value.slice(0, 200);
      if (count > 30) throw new Fault('syntax', 'too many ID fields');
    }
    line.end();
    return fields;
  },

  run(fields, session) {
    session.log.info({ client: { ...fields } }, 'client ID');
    session.out.untagged('ID ("name" "postcote")');
  },
});
