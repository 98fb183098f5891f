import { Share } from '../base/share.ts';
import type { Qresync } from './grammar/select-parameters.ts';
import { formatNumbers, resolveRanges } from './grammar/sequence-set.ts';
import type { Session } from './session.ts';
import type { View } from './view.ts';

/**
 * Tells a client that comes back what it missed: VANISHED (EARLIER) for what it knows and is gone, FETCH for what changed.
 * The mailbox may have gone on since it was selected: what is newer than the view is left to the next command. RFC 7162 3.2.5
 */
export async function resynchronize(
  session: Session,
  view: View,
  { uidValidity, modSeq, knownUids, knownSequence }: Qresync,
): Promise<void> {
  if (uidValidity !== view.mailbox.uidValidity) return;
  const { mail } = session.selected;
  const changes = await mail.changes(view.mailbox.id, modSeq);
  const last = view.uidNext - 1;
  const known = resolveRanges(knownUids ?? [{ from: 1, to: Math.max(1, last) }], last);
  // With tombstones that old gone, everything the client may know and we do not have is named. RFC 7162 3.2.5.1
  const vanished = changes.complete
    ? formatNumbers(goneOf(changes.expunged, known, view))
    : missing(view, known, trusted(view, knownSequence), last);
  if (vanished !== '') session.out.untagged(`VANISHED (EARLIER) ${vanished}`);
  const share = new Share();
  const { uids } = changes.changed;
  const find = view.finder(uids.length);
  const isKnown = among(known);
  for (let i = 0; i < uids.length; i++) {
    if (i % 1000 === 999) await (session.out.drained() ?? share.next());
    const at = find(uids[i]!);
    if (at < 0 || view.modSeqs[at]! <= modSeq || !isKnown(uids[i]!)) continue;
    const uid = session.uidOnly ? '' : `UID ${uids[i]} `;
    session.out.line(`${session.fetchHead(view, at)}${uid}FLAGS (${view.flagText(at, !session.rev2)}) MODSEQ (${view.modSeqs[at]}))`);
  }
}

/** Those of `expunged` (ascending) that are in the ranges and that the view does not have. */
export function goneOf(expunged: Uint32Array, ranges: readonly (readonly [number, number])[], view: View): Uint32Array {
  const find = view.finder(expunged.length);
  const isNamed = among(ranges);
  return expunged.filter((uid) => isNamed(uid) && find(uid) < 0);
}

/** Whether one of the ranges, which ascend, has a UID; asked of UIDs that ascend. */
function among(ranges: readonly (readonly [number, number])[]): (uid: number) => boolean {
  let next = 0;
  return (uid) => {
    while (next < ranges.length && ranges[next]![1] < uid) next++;
    return next < ranges.length && ranges[next]![0] <= uid;
  };
}

/** Highest UID up to which client and view agree by the pairs the client gave. RFC 7162 3.2.5.2 */
function trusted(view: View, knownSequence: Qresync['knownSequence']): number {
  if (knownSequence === null) return 0;
  const flat = (ranges: readonly (readonly [number, number])[]) =>
    ranges.flatMap(([from, to]) => (to - from < 10_000 ? Array.from({ length: to - from + 1 }, (_, i) => from + i) : [from, to]));
  const numbers = flat(resolveRanges(knownSequence.sequenceNumbers, view.count));
  const uids = flat(resolveRanges(knownSequence.uids, view.uidNext - 1));
  let agreed = 0;
  for (let i = 0; i < Math.min(numbers.length, uids.length); i++) {
    if (view.uids[numbers[i]! - 1] !== uids[i] || numbers[i]! > view.count) break;
    agreed = uids[i]!;
  }
  return agreed;
}

/** UIDs of `known` over `after` that are not in the view, as a set. */
function missing(view: View, known: readonly (readonly [number, number])[], after: number, last: number): string {
  const parts: string[] = [];
  for (const [low, high] of known) {
    let from = Math.max(low, after + 1);
    const to = Math.min(high, last);
    for (let at = view.lowerBound(from); from <= to; at++) {
      const next = at < view.count ? view.uids[at]! : to + 1;
      const before = Math.min(next, to + 1);
      if (before > from) parts.push(before - 1 === from ? `${from}` : `${from}:${before - 1}`);
      from = next + 1;
    }
  }
  return parts.join(',');
}
