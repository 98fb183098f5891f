import { deleted } from '../../mail/flags.ts';
import type { ModSeq } from '../../mail/numbers.ts';
import { command, noArguments } from '../command.ts';
import type { Session } from '../session.ts';

/** Expunges without telling, then leaves the mailbox. RFC 9051 6.4.1 */
export const close = command({
  name: 'CLOSE',
  states: ['selected'],
  updates: 'none',
  parse: noArguments,

  async run(_, session) {
    const { mail, view } = session.selected;
    // RFC 4314 4: without the right, as UNSELECT.
    const mayExpunge = !view.readOnly && mail.rights(view.mailbox.id).includes('e');
    const gone = !mayExpunge ? null : await mail.expunge(view.mailbox.id, undefined, false);
    const known = gone !== null && gone.length > 0 && session.enabled.has('CONDSTORE') ? await onlyThese(session, gone) : null;
    session.unselect();
    return known === null ? 'Close completed.' : `[HIGHESTMODSEQ ${known}] Close completed.`;
  },
});

/**
 * The mod-sequence up to which the client knows everything once it has dropped what it had as \Deleted; null where others have
 * changed things meanwhile that it was not told of: it would never ask for them again. RFC 7162 3.2.8
 */
async function onlyThese(session: Session, gone: Uint32Array): Promise<ModSeq | null> {
  const { mail, view } = session.selected;
  if (view.hasGone) return null;
  const { complete, changed, expunged, highestModSeq } = await mail.changes(view.mailbox.id, view.modSeq);
  if (!complete || changed.uids.length > 0) return null;
  const find = view.finder(gone.length);
  const dropped = gone.filter((uid) => ((view.flags[find(uid)] ?? 0) & deleted) !== 0);
  let next = 0;
  // Both ascend.
  const isDropped = (uid: number): boolean => {
    while (dropped[next]! < uid) next++;
    return dropped[next] === uid;
  };
  return expunged.every(isDropped) ? highestModSeq : null;
}

/** Leaves the mailbox as it is. RFC 9051 6.4.2 */
export const unselect = command({
  name: 'UNSELECT',
  capabilities: ['UNSELECT'],
  states: ['selected'],
  updates: 'none',
  parse: noArguments,

  run(_, session) {
    session.unselect();
  },
});
