import type { Relevancy } from './fuzzy.ts';
import { formatPartialRange } from './grammar/partial-range.ts';
import type { SearchReturn } from './grammar/search-return.ts';
import { formatNumbers } from './grammar/sequence-set.ts';
import { pick } from './partial.ts';
import type { Session } from './session.ts';
import { sendUpdates } from './updates.ts';
import type { Places, View } from './view.ts';

export interface Found {
  readonly view: View;
  /** Places in the order found: that of the mailbox, or sorted. */
  readonly places: Uint32Array;
  readonly byUid: boolean;
  /** A MODSEQ key was used. */
  readonly modSeq: boolean;
  /** By UID, where they were asked for. */
  readonly scores: Relevancy | null;
}

/** `* SEARCH 1 2 3`, or `* SORT …`. RFC 9051 7.3.4, RFC 5256 4 */
export function sendNumbers(session: Session, name: string, found: Found): void {
  const numbers = numbersOf(found);
  const modSeq = found.modSeq && numbers.length > 0 ? ` (MODSEQ ${highest(found.view, found.places)})` : '';
  session.out.untagged(`${name}${numbers.length === 0 ? '' : ` ${numbers.join(' ')}`}${modSeq}`);
}

/**
 * What the tagged OK says: messages that the client still counts may have gone before they could be looked at. With UIDs it is
 * told so in the same breath. RFC 5530 3
 */
export async function foundAll(session: Session, byUid: boolean): Promise<string | undefined> {
  if (byUid) return;
  await sendUpdates(session, false);
  return session.view?.hasGone ? '[EXPUNGEISSUED] Completed, some messages were already expunged.' : undefined;
}

/** RFC 4731 3.1, RFC 7162 3.1.10, RFC 9394 3.1; of a SORT, first and last are by its order. RFC 5267 3 @param origin RFC 7377 2.1 */
export function sendExtended(
  session: Session,
  found: Found,
  { min, max, all, count, partial, relevancy }: SearchReturn,
  origin = '',
): void {
  const numbers = numbersOf(found);
  const words = [`ESEARCH (TAG ${JSON.stringify(session.tag)}${origin === '' ? '' : ` ${origin}`})`];
  if (found.byUid) words.push('UID');
  const shown: number[] = [];
  if (numbers.length > 0) {
    if (min) {
      words.push(`MIN ${numbers[0]}`);
      shown.push(found.places[0]!);
    }
    if (max) {
      words.push(`MAX ${numbers.at(-1)}`);
      shown.push(found.places.at(-1)!);
    }
    if (all) words.push(`ALL ${formatNumbers(numbers)}`);
  }
  if (count) words.push(`COUNT ${numbers.length}`);
  if (partial !== null) {
    const piece = pick(numbers, partial);
    words.push(`PARTIAL (${formatPartialRange(partial)} ${piece.length === 0 ? 'NIL' : formatNumbers(piece)})`);
  }
  // Of the messages shown, in their order. RFC 6203 4
  if (relevancy && found.scores !== null) {
    const places = partial === null ? found.places : pick(found.places, partial);
    words.push(`RELEVANCY (${Array.from(found.view.uidsOf(places), (uid) => found.scores!.get(uid)).join(' ')})`);
  }
  if (found.modSeq && numbers.length > 0) {
    words.push(`MODSEQ ${highest(found.view, all || count || partial !== null || shown.length === 0 ? found.places : shown)}`);
  }
  session.out.untagged(words.join(' '));
}

/** Keeps the result for `$`. RFC 5182 2.1, 2.4 */
export function saveResult({ view, places }: Found, { min, max, all, count, partial }: SearchReturn): void {
  const onlyEnds = (min || max) && !all && !count && partial === null;
  const kept = onlyEnds
    ? new Set([...(min ? places.subarray(0, 1) : []), ...(max ? places.subarray(-1) : [])])
    : partial !== null && !all
      ? pick(places, partial)
      : places;
  view.saved = view.uidsOf(Uint32Array.from(kept).sort());
}

function numbersOf({ view, places, byUid }: Found): Uint32Array {
  return byUid ? view.uidsOf(places) : places.map((at) => at + 1);
}

function highest(view: View, places: Places): number {
  const { modSeqs } = view;
  let most = 0;
  for (let i = 0; i < places.length; i++) most = Math.max(most, modSeqs[places[i]!]!);
  return most;
}
