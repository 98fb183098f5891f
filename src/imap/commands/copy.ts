import { Fault } from '../../mail/fault.ts';
import type { Copied } from '../../store/store.ts';
import { type Command, command } from '../command.ts';
import { mailbox } from '../grammar/mailbox.ts';
import { formatNumbers, type SequenceSet, sequenceSet } from '../grammar/sequence-set.ts';
import { requireTarget } from './append.ts';

interface CopyArguments {
  readonly set: SequenceSet;
  readonly name: string;
}

function copyCommand(verb: 'COPY' | 'MOVE', byUid: boolean): Command<CopyArguments> {
  return command({
    name: byUid ? `UID ${verb}` : verb,
    ...(verb === 'MOVE' ? { capabilities: ['MOVE'] } : {}),
    states: ['selected'],

    parse(line) {
      line.space();
      const set = sequenceSet(line);
      line.space();
      const name = mailbox(line);
      line.end();
      return { set, name };
    },

    async run({ set, name }, session) {
      const { mail, view } = session.selected;
      const places = view.places(set, byUid);
      if (verb === 'MOVE' && view.readOnly) throw new Fault('noPermission', 'Mailbox is read-only');
      const target = session.fromWire(name);
      requireTarget(session, target);
      if (places.length === 0) return 'No messages found.';
      const uids = view.uidsOf(places);
      const copied = verb === 'COPY' ? await mail.copy(view.mailbox.id, uids, target) : await mail.move(view.mailbox.id, uids, target);
      const code = copyUid(copied);
      const rest = copied.sources.length < uids.length;
      if (verb === 'COPY') {
        if (code === '') throw new Fault('expunged', 'none is left');
        return `${code}Copy completed.`;
      }
      // Before the EXPUNGEs that follow. RFC 6851 4.3
      if (code !== '') session.out.untagged(`OK ${code}Moved UIDs.`);
      return rest ? '[EXPUNGEISSUED] Some messages were already expunged.' : 'Move completed.';
    },
  });
}

/** RFC 4315 3 */
export function copyUid({ target, sources, targets }: Copied): string {
  if (sources.length === 0) return '';
  return `[COPYUID ${target.uidValidity} ${formatNumbers(sources)} ${formatNumbers(targets)}] `;
}

/** RFC 9051 6.4.7 */
export const copy = copyCommand('COPY', false);
export const uidCopy = copyCommand('COPY', true);
/** RFC 6851 */
export const move = copyCommand('MOVE', false);
export const uidMove = copyCommand('MOVE', true);
