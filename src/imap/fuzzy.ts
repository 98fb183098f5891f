import { Fault } from '../mail/fault.ts';
import type { SearchKey } from '../mail/search.ts';
import type { WireKey } from './grammar/search-key.ts';
import { has, rangesOf, resolveKey } from './search.ts';
import type { Session } from './session.ts';
import type { View } from './view.ts';

/** Words of a text looked for; more are left out. */
const mostWords = 16;
const best = 100;
const least = 1;

/** Scores by UID: 1 to 100, the best. RFC 6203 4 */
export type Relevancy = ReadonlyMap<number, number>;

/** The words of a text may be anywhere and in any order; what is not text is as it is. RFC 6203 3, 5 */
export function loosened(key: SearchKey): SearchKey {
  switch (key.kind) {
    case 'and':
    case 'or':
      return { kind: key.kind, keys: key.keys.map(loosened) };
    case 'not':
      return { kind: 'not', key: loosened(key.key) };
    case 'header':
    case 'body':
    case 'text': {
      const keys = words(key.text).map((text): SearchKey => ({ ...key, text }));
      return keys.length < 2 ? (keys[0] ?? key) : { kind: 'and', keys };
    }
    default:
      return key;
  }
}

/** RFC 6203 4, 6. @throws Fault syntax where nothing is fuzzy */
export function requireFuzzy(key: WireKey): void {
  if (!has(key, 'fuzzy')) throw new Fault('syntax', 'RELEVANCY without FUZZY');
}

/** Best what has the text as it was given, then what has its words in the subject, least the rest. */
export async function relevancy(session: Session, view: View, key: WireKey, found: readonly number[]): Promise<Relevancy> {
  const scores = new Map<number, number>(found.map((uid) => [uid, least]));
  if (found.length === 0) return scores;
  const ranges = rangesOf(found.toSorted((a, b) => a - b));
  const { mail } = session.selected;
  const raise = async (by: SearchKey, to: number): Promise<void> => {
    const uids = await mail.search(view.mailbox.id, { kind: 'and', keys: [{ kind: 'uids', ranges }, by] });
    for (const uid of uids) if (scores.has(uid)) scores.set(uid, Math.min(best, scores.get(uid)! + to));
  };
  await raise(resolveKey(key, view, true), 66);
  const texts = [...new Set(fuzzyTexts(key, false).flatMap(words))].slice(0, mostWords);
  if (texts.length > 0) await raise({ kind: 'and', keys: texts.map((text) => ({ kind: 'header', field: 'subject', text })) }, 33);
  else await raise({ kind: 'all' }, 33);
  return scores;
}

const words = (text: string): string[] =>
  text
    .split(/[\s,;]+/)
    .filter((word) => word !== '')
    .slice(0, mostWords);

/** Texts under FUZZY, those that must not be there aside. */
function fuzzyTexts(key: WireKey, fuzzy: boolean): string[] {
  switch (key.kind) {
    case 'and':
    case 'or':
      return key.keys.flatMap((one) => fuzzyTexts(one, fuzzy));
    case 'fuzzy':
      return fuzzyTexts(key.key, true);
    case 'header':
    case 'body':
    case 'text':
      return fuzzy ? [key.text] : [];
    default:
      return [];
  }
}
