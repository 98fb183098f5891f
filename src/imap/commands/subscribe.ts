import { command } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { mailbox } from '../grammar/mailbox.ts';

function parse(line: Cursor): string {
  line.space();
  const name = mailbox(line);
  line.end();
  return name;
}

/** RFC 9051 6.3.7 */
export const subscribe = command({
  name: 'SUBSCRIBE',
  states: ['authenticated', 'selected'],
  parse,
  async run(name, session) {
    await session.mail!.subscribe(session.fromWire(name).replace(/\/$/, ''), true);
  },
});

/** RFC 9051 6.3.8 */
export const unsubscribe = command({
  name: 'UNSUBSCRIBE',
  states: ['authenticated', 'selected'],
  parse,
  async run(name, session) {
    await session.mail!.subscribe(session.fromWire(name).replace(/\/$/, ''), false);
  },
});
