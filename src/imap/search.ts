import type { Uid } from '../mail/numbers.ts';
import type { SearchKey, UidRange } from '../mail/search.ts';
import { CodedFault } from './faults.ts';
import { loosened } from './fuzzy.ts';
import type { WireKey } from './grammar/search-key.ts';
import { resolveRanges, type SequenceSet } from './grammar/sequence-set.ts';
import type { View } from './view.ts';

/**
 * Message sets and \Recent are this session's: here they become UIDs, which the store understands.
 * @param exact FUZZY changes nothing
 */
export function resolveKey(key: WireKey, view: View, exact = false): SearchKey {
  switch (key.kind) {
    case 'and':
    case 'or':
      return { kind: key.kind, keys: key.keys.map((one) => resolveKey(one, view, exact)) };
    case 'not':
      return { kind: 'not', key: resolveKey(key.key, view, exact) };
    case 'fuzzy': {
      const resolved = resolveKey(key.key, view, exact);
      return exact ? resolved : loosened(resolved);
    }
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
  else if (key.kind === 'not' || key.kind === 'fuzzy') requireUids(key.key);
  else if (key.kind === 'set' && !key.uid && key.set !== '$') throw new CodedFault('syntax', 'UIDREQUIRED', 'message numbers');
}

/** Whether a key of that kind is in there. */
export function has(key: WireKey, kind: WireKey['kind']): boolean {
  if (key.kind === kind) return true;
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some((one) => has(one, kind));
  return (key.kind === 'not' || key.kind === 'fuzzy') && has(key.key, kind);
}

/** RFC 7162 3.1.5 */
export const asksModSeq = (key: WireKey): boolean => has(key, 'modseq');
