import type { Uid } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import { formatNumbers } from './grammar/sequence-set.ts';
import { rangesOf } from './search.ts';
import type { Session } from './session.ts';
import type { View } from './view.ts';

/** A search whose result is kept up to date for the client. RFC 5267 4.3 */
export interface SearchContext {
  readonly tag: string;
  readonly byUid: boolean;
  readonly key: SearchKey;
  readonly uids: Set<number>;
}

/** Contexts a session may have at once. */
export const mostContexts = 16;

/** Tells which of `uids` now match that did not, and the reverse. */
export async function updateContexts(session: Session, view: View, uids: readonly number[]): Promise<void> {
  const sorted = [...new Set(uids)].sort((a, b) => a - b);
  if (sorted.length === 0) return;
  for (const context of view.contexts) {
    const key: SearchKey = { kind: 'and', keys: [{ kind: 'uids', ranges: rangesOf(sorted) }, context.key] };
    const matching = new Set<number>(await session.mail!.search(view.mailbox.id, key));
    const added = sorted.filter((uid) => matching.has(uid) && !context.uids.has(uid));
    const removed = sorted.filter((uid) => !matching.has(uid) && context.uids.has(uid));
    for (const uid of added) context.uids.add(uid);
    tell(session, view, context, 'REMOVEFROM', removed);
    tell(session, view, context, 'ADDTO', added);
  }
}

/** Before the EXPUNGEs, while sequence numbers still mean what the client thinks. RFC 5267 4.3.2 */
export function removeGone(session: Session, view: View, gone: Iterable<number>): void {
  const all = [...gone].sort((a, b) => a - b);
  for (const context of view.contexts)
    tell(
      session,
      view,
      context,
      'REMOVEFROM',
      all.filter((uid) => context.uids.has(uid)),
    );
}

function tell(
  session: Session,
  view: View,
  { tag, byUid, uids }: SearchContext,
  what: 'ADDTO' | 'REMOVEFROM',
  changed: readonly number[],
): void {
  if (what === 'REMOVEFROM') for (const uid of changed) uids.delete(uid);
  const numbers = byUid ? changed : changed.flatMap((uid) => view.sequenceNumber(uid as Uid) ?? []);
  if (numbers.length === 0) return;
  // Position 0: the result is in mailbox order, where each belongs is plain. RFC 5267 4.3.1
  session.out.untagged(`ESEARCH (TAG ${JSON.stringify(tag)})${byUid ? ' UID' : ''} ${what} (0 ${formatNumbers(numbers)})`);
}
