import { Fault } from '../../mail/fault.ts';
import { type Command, command } from '../command.ts';
import { mostContexts } from '../context.ts';
import { searchProgram, type WireKey } from '../grammar/search-key.ts';
import { type SearchReturn, searchReturn } from '../grammar/search-return.ts';
import { asksModSeq, requireUids, resolveKey } from '../search.ts';
import { saveResult, sendExtended, sendNumbers } from '../search-response.ts';

interface SearchArguments {
  readonly returns: SearchReturn | null;
  readonly key: WireKey;
}

const everything: SearchReturn = { min: false, max: false, all: true, count: false, save: false, update: false, partial: null };

function searchCommand(byUid: boolean): Command<SearchArguments> {
  return command({
    name: byUid ? 'UID SEARCH' : 'SEARCH',
    capabilities: ['ESEARCH', 'SEARCHRES', 'WITHIN', 'PARTIAL', 'CONTEXT=SEARCH', 'I18NLEVEL=1'],
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
      const modSeq = asksModSeq(key);
      if (modSeq) session.enableCondstore();
      try {
        const resolved = resolveKey(key, view);
        const uids = await mail.search(view.mailbox.id, resolved);
        const found = { view, places: view.placesOf(uids), byUid, modSeq };
        if (returns?.save) saveResult(found, returns);
        if (returns?.update) {
          if (view.contexts.length >= mostContexts) session.out.untagged(`NO [NOUPDATE ${JSON.stringify(session.tag)}] Too many contexts.`);
          else view.contexts = [...view.contexts, { tag: session.tag, byUid, key: resolved, uids: new Set(view.uidsOf(found.places)) }];
        }
        // IMAP4rev2 knows no SEARCH response. RFC 9051 7.3.4
        if (returns === null && !session.rev2) sendNumbers(session, 'SEARCH', found);
        else if (returns === null) sendExtended(session, found, everything);
        else if (returns.min || returns.max || returns.all || returns.count || returns.partial !== null)
          sendExtended(session, found, returns);
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
