import type { Uid } from '../mail/numbers.ts';
import type { SearchKey, UidRange } from '../mail/search.ts';
import { CodedFault } from './faults.ts';
import type { WireKey } from './grammar/search-key.ts';
import { resolveRanges, type SequenceSet } from './grammar/sequence-set.ts';
import type { View } from './view.ts';

/** Message sets and \Recent are this session's: here they become UIDs, which the store understands. */
export function resolveKey(key: WireKey, view: View): SearchKey {
  switch (key.kind) {
    case 'and':
    case 'or':
      return { kind: key.kind, keys: key.keys.map((one) => resolveKey(one, view)) };
    case 'not':
      return { kind: 'not', key: resolveKey(key.key, view) };
    case 'set':
      return { kind: 'uids', ranges: key.uid ? uidRanges(key.set, view) : rangesOf(view.uidsOf(view.places(key.set, false, true))) };
    case 'recent':
      return { kind: 'uids', ranges: view.recentRanges as readonly UidRange[] };
    default:
      return key;
  }
}

function uidRanges(set: SequenceSet, view: View): readonly UidRange[] {
  if (set === '$') return rangesOf(view.saved);
  const last = view.count === 0 ? 0 : view.uids[view.count - 1]!;
  if (last === 0) return [];
  return resolveRanges(set, last) as unknown as readonly UidRange[];
}

/** Ascending UIDs as ranges. */
export function rangesOf(uids: ArrayLike<number>): UidRange[] {
  const ranges: UidRange[] = [];
  let i = 0;
  while (i < uids.length) {
    const from = uids[i]!;
    let to = from;
    while (++i < uids.length && uids[i] === to + 1) to++;
    ranges.push([from as Uid, to as Uid]);
  }
  return ranges;
}

/** RFC 9586 3.3. @throws Fault syntax where message numbers are in the key */
export function requireUids(key: WireKey): void {
  if (key.kind === 'and' || key.kind === 'or') for (const one of key.keys) requireUids(one);
  else if (key.kind === 'not') requireUids(key.key);
  else if (key.kind === 'set' && !key.uid && key.set !== '$') throw new CodedFault('syntax', 'UIDREQUIRED', 'message numbers');
}

/** Whether a MODSEQ key is in there. RFC 7162 3.1.5 */
export function asksModSeq(key: WireKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(asksModSeq);
  return key.kind === 'not' ? asksModSeq(key.key) : key.kind === 'modseq';
}
