import { command } from '../command.ts';
import { listPattern, mailbox } from '../grammar/mailbox.ts';
import { ancestors, matcher } from './list.ts';

/** Subscribed names; a name with `%` that only leads to one is \Noselect. RFC 3501 6.3.9 */
export const lsub = command({
  name: 'LSUB',
  states: ['authenticated', 'selected'],

  parse(line) {
    line.space();
    const reference = mailbox(line);
    line.space();
    const pattern = listPattern(line);
    line.end();
    return { reference, pattern };
  },

  run({ reference, pattern }, session) {
    const { out, settings } = session;
    if (pattern === '') {
      out.untagged(`LSUB (\\Noselect) "${settings.separator}" ""`);
      return;
    }
    const matches = matcher(session, { reference, patterns: [pattern] });
    const names = new Map<string, string>();
    for (const name of session.mail!.subscriptions()) {
      if (matches(name)) names.set(name, '');
      else if (pattern.includes('%')) {
        for (const above of ancestors(name)) if (matches(above) && !names.has(above)) names.set(above, '\\Noselect');
      }
    }
    for (const [name, attribute] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      out.untagged(`LSUB (${attribute}) "${settings.separator}" ${session.toWire(name)}`);
    }
  },
});
