import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';
import { type PartialRange, partialRange } from './partial-range.ts';

/** What SEARCH and SORT give back; null where they answer as RFC 3501 has it. RFC 4731 3.1, RFC 5182, RFC 9394 3.1 */
export interface SearchReturn {
  readonly min: boolean;
  readonly max: boolean;
  readonly all: boolean;
  readonly count: boolean;
  readonly save: boolean;
  /** Keep the result up to date. RFC 5267 4.3 */
  readonly update: boolean;
  readonly partial: PartialRange | null;
  /** RFC 6203 4 */
  readonly relevancy: boolean;
}

const nothing = { min: false, max: false, all: false, count: false, save: false, update: false, partial: null, relevancy: false };

/** What a search without return options says, where the answer is an ESEARCH. */
export const everything: SearchReturn = { ...nothing, all: true };

/** "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP, if it is there. */
export function searchReturn(line: Cursor): SearchReturn | null {
  if (!line.accept('RETURN (')) return null;
  line.at--;
  const found = { ...nothing, partial: null as PartialRange | null };
  line.list(() => {
    if (line.accept('PARTIAL ')) {
      found.partial = partialRange(line);
      return;
    }
    const word = line.atom().toLowerCase();
    // A hint that the client will ask again. RFC 5267 4.2
    if (word === 'context') return;
    if (word === 'partial' || !(word in nothing)) throw new Fault('syntax', 'Unknown return option');
    found[word as Exclude<keyof typeof nothing, 'partial'>] = true;
  });
  line.space();
  if (found.partial !== null && found.all) throw new Fault('syntax', 'PARTIAL and ALL exclude each other');
  // Nothing named stands for ALL. RFC 4731 3.1, RFC 5267 4.3
  if (!found.min && !found.max && !found.count && !found.save && !found.relevancy && found.partial === null) found.all = true;
  return found;
}

/** Whether there is anything to say, beside keeping the result. */
export function asksAnswer({ min, max, all, count, partial, relevancy }: SearchReturn): boolean {
  return min || max || all || count || relevancy || partial !== null;
}
