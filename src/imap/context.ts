import { Fault } from '../mail/fault.ts';
import type { Uid } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import { insertionPlaces, needsText, type SortCriterion, type SortItem } from '../mail/sort.ts';
import { formatNumbers } from './grammar/sequence-set.ts';
import { rangesOf } from './search.ts';
import type { Session } from './session.ts';
import { sorted } from './sort.ts';
import type { View } from './view.ts';

/** A search whose result is kept up to date for the client. RFC 5267 4.3 */
export interface SearchContext {
  readonly tag: string;
  readonly byUid: boolean;
  readonly key: SearchKey;
  readonly uids: Set<number>;
  /** Of a SORT: the result in its order. */
  readonly sort: { readonly criteria: readonly SortCriterion[]; order: number[] } | null;
}

/** Consecutive places of a result: what is to be put in, or taken out, at `position`. */
interface Run {
  readonly position: number;
  readonly uids: number[];
}

/** Contexts a session may have at once. */
const mostContexts = 16;

/** RFC 5267 4.3. @throws Fault syntax where a search of that tag is kept up to date already */
export function requireNewTag(session: Session, view: View): void {
  if (view.contexts.some(({ tag }) => tag === session.tag)) throw new Fault('syntax', 'Tag reuse');
}

/** Keeps a result up to date from now on, or says that it will not. RFC 5267 4.3.1 */
export function addContext(session: Session, view: View, context: SearchContext): void {
  if (view.contexts.length >= mostContexts) session.out.untagged(`NO [NOUPDATE ${JSON.stringify(session.tag)}] Too many contexts.`);
  else view.contexts = [...view.contexts, context];
}

/** Tells which of `uids` now match that did not, and the reverse. */
export async function updateContexts(session: Session, view: View, uids: readonly number[]): Promise<void> {
  const candidates = [...new Set(uids)].sort((a, b) => a - b);
  if (candidates.length === 0) return;
  for (const context of view.contexts) {
    const key: SearchKey = { kind: 'and', keys: [{ kind: 'uids', ranges: rangesOf(candidates) }, context.key] };
    const matching = new Set<number>(await session.mail!.search(view.mailbox.id, key));
    const removed = candidates.filter((uid) => !matching.has(uid) && context.uids.has(uid));
    tell(session, view, context, 'REMOVEFROM', takeOut(context, removed));
    const added = candidates.filter((uid) => matching.has(uid) && !context.uids.has(uid));
    tell(session, view, context, 'ADDTO', await putIn(session, view, context, added));
  }
}

/** Before the EXPUNGEs, while sequence numbers still mean what the client thinks. RFC 5267 4.3.2 */
export function removeGone(session: Session, view: View, gone: Iterable<number>): void {
  const all = [...gone].sort((a, b) => a - b);
  for (const context of view.contexts) {
    const removed = all.filter((uid) => context.uids.has(uid));
    tell(session, view, context, 'REMOVEFROM', takeOut(context, removed));
  }
}

/** Position 0: the result is in mailbox order, where each belongs is plain. RFC 5267 4.3.2 */
const inMailboxOrder = (uids: number[]): Run[] => (uids.length === 0 ? [] : [{ position: 0, uids }]);

/** Each run's position is that at its turn, those before it done. RFC 5267 4.3.4 */
function takeOut({ uids, sort }: SearchContext, removed: number[]): Run[] {
  for (const uid of removed) uids.delete(uid);
  if (sort === null || removed.length === 0) return inMailboxOrder(removed);
  const away = new Set(removed);
  const runs: Run[] = [];
  const kept: number[] = [];
  for (const uid of sort.order) {
    if (!away.has(uid)) kept.push(uid);
    else if (runs.at(-1)?.position === kept.length + 1) runs.at(-1)!.uids.push(uid);
    else runs.push({ position: kept.length + 1, uids: [uid] });
  }
  sort.order = kept;
  return runs;
}

/** RFC 5267 4.3.3 */
async function putIn(session: Session, view: View, { uids, sort }: SearchContext, added: number[]): Promise<Run[]> {
  for (const uid of added) uids.add(uid);
  if (sort === null || added.length === 0) return inMailboxOrder(added);
  const { mail } = session.selected;
  const { id } = view.mailbox;
  const fresh = await sorted(mail, id, Uint32Array.from(added), sort.criteria);
  const itemOf = async (uid: number): Promise<SortItem | undefined> => (await mail.sortItems(id, [uid], needsText(sort.criteria)))[0];
  const before = await insertionPlaces(itemOf, sort.order, fresh, sort.criteria);
  const runs: Run[] = [];
  const order: number[] = [];
  let from = 0;
  for (const [i, uid] of fresh.entries()) {
    const to = before[i]!;
    for (; from < to; from++) order.push(sort.order[from]!);
    order.push(uid);
    const last = runs.at(-1);
    if (last !== undefined && last.position + last.uids.length === order.length) last.uids.push(uid);
    else runs.push({ position: order.length, uids: [uid] });
  }
  for (; from < sort.order.length; from++) order.push(sort.order[from]!);
  sort.order = order;
  return runs;
}

function tell(session: Session, view: View, { tag, byUid }: SearchContext, what: 'ADDTO' | 'REMOVEFROM', runs: readonly Run[]): void {
  const pairs = runs.flatMap(({ position, uids }) => {
    const numbers = byUid ? uids : uids.flatMap((uid) => view.sequenceNumber(uid as Uid) ?? []);
    return numbers.length === 0 ? [] : [`${position} ${formatNumbers(numbers)}`];
  });
  if (pairs.length === 0) return;
  session.out.untagged(`ESEARCH (TAG ${JSON.stringify(tag)})${byUid ? ' UID' : ''} ${what} (${pairs.join(' ')})`);
}
