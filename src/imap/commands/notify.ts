import { command } from '../command.ts';
import { notifyArguments, notifyEvents } from '../grammar/notify.ts';
import { Notifier } from '../notifier.ts';

/** Says what the client wants to hear of while no command runs. RFC 5465 */
export const notify = command({
  name: 'NOTIFY',
  capabilities: ['NOTIFY'],
  states: ['authenticated', 'selected'],
  parse: notifyArguments,

  async run(set, session) {
    session.notifier?.stop();
    session.notifier = null;
    if (set === null) return 'NOTIFY completed.';
    if (set.unknown.length > 0) {
      return { no: `[BADEVENT (${notifyEvents.join(' ')})] Unsupported events` };
    }
    session.notifier = new Notifier(session, set.groups);
    await session.notifier.start(set.status);
    return 'NOTIFY completed.';
  },
});
