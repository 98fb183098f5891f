import { Share } from '../../base/share.ts';
import { Fault } from '../../mail/fault.ts';
import type { SortCriterion, SortKey } from '../../mail/sort.ts';
import { type Command, command } from '../command.ts';
import { addContext, requireNewTag } from '../context.ts';
import { relevancy, requireFuzzy } from '../fuzzy.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { decoder, searchKeys, type WireKey } from '../grammar/search-key.ts';
import { asksAnswer, type SearchReturn, searchReturn } from '../grammar/search-return.ts';
import { asksModSeq, requireUids, resolveKey } from '../search.ts';
import { foundAll, saveResult, sendExtended, sendNumbers } from '../search-response.ts';
import { sorted } from '../sort.ts';

interface SortArguments {
  readonly returns: SearchReturn | null;
  readonly criteria: readonly SortCriterion[];
  readonly key: WireKey;
}

const keys: readonly SortKey[] = ['arrival', 'cc', 'date', 'from', 'size', 'subject', 'to', 'displayfrom', 'displayto', 'relevancy'];

/** "(" sort-criterion *(SP sort-criterion) ")". RFC 5256 5, RFC 5957 4, RFC 6203 7 */
function sortCriteria(line: Cursor): SortCriterion[] {
  const criteria = line.list(() => {
    const reverse = line.accept('REVERSE ');
    const word = line.atom().toLowerCase();
    const key = keys.find((one) => one === word);
    if (key === undefined) throw new Fault('syntax', 'Unknown sort criterion');
    return { key, reverse };
  });
  if (criteria.length === 0 || criteria.length > 50) throw new Fault('syntax', 'sort criteria');
  return criteria;
}

function sortCommand(byUid: boolean): Command<SortArguments> {
  return command({
    name: byUid ? 'UID SORT' : 'SORT',
    capabilities: ['SORT', 'SORT=DISPLAY', 'ESORT', 'CONTEXT=SORT'],
    states: ['selected'],
    updates: byUid ? 'all' : 'noExpunge',

    parse(line) {
      line.space();
      const first = searchReturn(line);
      const criteria = sortCriteria(line);
      line.space();
      const text = decoder(line.astring());
      line.space();
      // QUIRK: some have it here. RFC 5267 has it first.
      const returns = first ?? searchReturn(line);
      const key = searchKeys(line, text);
      line.end();
      return { returns, criteria, key };
    },

    async run({ returns, criteria, key }, session) {
      const { mail, view } = session.selected;
      const byRelevancy = criteria.some((one) => one.key === 'relevancy');
      if (session.uidOnly) requireUids(key);
      if (byRelevancy || returns?.relevancy) requireFuzzy(key);
      if (returns?.update) requireNewTag(session, view);
      const modSeq = asksModSeq(key);
      if (modSeq) session.enableCondstore();
      const resolved = resolveKey(key, view);
      const uids = await mail.search(view.mailbox.id, resolved);
      const scores = byRelevancy || returns?.relevancy ? await relevancy(session, view, key, Array.from(uids)) : null;
      const order = await sorted(mail, view.mailbox.id, uids, criteria, scores);
      const share = new Share();
      const places = view.placesOf(order);
      await share.next();
      const found = { view, places, byUid, modSeq, scores };
      if (returns === null) {
        sendNumbers(session, 'SORT', found);
        return await foundAll(session, byUid);
      }
      if (returns.save) saveResult(found, returns);
      if (returns.update) {
        const order = Array.from(view.uidsOf(places));
        // How relevant a message is depends on those found with it. RFC 5267 4.3.1
        if (byRelevancy) session.out.untagged(`NO [NOUPDATE ${JSON.stringify(session.tag)}] Not by relevancy.`);
        else addContext(session, view, { tag: session.tag, byUid, key: resolved, uids: new Set(order), sort: { criteria, order } });
      }
      if (asksAnswer(returns)) sendExtended(session, found, returns);
      return await foundAll(session, byUid);
    },
  });
}

/** RFC 5256 3; RETURN RFC 5267 3 */
export const sort = sortCommand(false);
export const uidSort = sortCommand(true);
