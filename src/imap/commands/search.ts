import { Fault } from '../../mail/fault.ts';
import { type Command, command } from '../command.ts';
import { addContext, requireNewTag } from '../context.ts';
import { relevancy, requireFuzzy } from '../fuzzy.ts';
import { searchProgram, type WireKey } from '../grammar/search-key.ts';
import { asksAnswer, everything, type SearchReturn, searchReturn } from '../grammar/search-return.ts';
import { asksModSeq, requireUids, resolveKey } from '../search.ts';
import { foundAll, saveResult, sendExtended, sendNumbers } from '../search-response.ts';

interface SearchArguments {
  readonly returns: SearchReturn | null;
  readonly key: WireKey;
}

function searchCommand(byUid: boolean): Command<SearchArguments> {
  return command({
    name: byUid ? 'UID SEARCH' : 'SEARCH',
    capabilities: ['ESEARCH', 'SEARCHRES', 'WITHIN', 'PARTIAL', 'CONTEXT=SEARCH', 'SEARCH=FUZZY', 'I18NLEVEL=1'],
    states: ['selected'],
    updates: byUid ? 'all' : 'noExpunge',

    parse(line) {
      line.space();
      const returns = searchReturn(line);
      const key = searchProgram(line);
      line.end();
      return { returns, key };
    },

    async run({ returns, key }, session) {
      const { mail, view } = session.selected;
      if (session.uidOnly) requireUids(key);
      if (returns?.relevancy) requireFuzzy(key);
      if (returns?.update) requireNewTag(session, view);
      const modSeq = asksModSeq(key);
      if (modSeq) session.enableCondstore();
      try {
        const resolved = resolveKey(key, view);
        const uids = await mail.search(view.mailbox.id, resolved);
        const places = view.placesOf(uids);
        const scores = returns?.relevancy ? await relevancy(session, view, key, Array.from(view.uidsOf(places))) : null;
        const found = { view, places, byUid, modSeq, scores };
        if (returns?.save) saveResult(found, returns);
        if (returns?.update)
          addContext(session, view, { tag: session.tag, byUid, key: resolved, uids: new Set(view.uidsOf(places)), sort: null });
        // IMAP4rev2 knows no SEARCH response. RFC 9051 7.3.4
        if (returns === null && !session.rev2) sendNumbers(session, 'SEARCH', found);
        else if (returns === null) sendExtended(session, found, everything);
        else if (asksAnswer(returns)) sendExtended(session, found, returns);
        return await foundAll(session, byUid);
      } catch (error) {
        // A SAVE that fails leaves an empty result. RFC 5182 2.1
        if (returns?.save && error instanceof Fault) view.saved = new Uint32Array(0);
        throw error;
      }
    },
  });
}

/** RFC 9051 6.4.4 */
export const search = searchCommand(false);
export const uidSearch = searchCommand(true);
