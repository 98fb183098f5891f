import { Fault } from '../../mail/fault.ts';
import { type Command, command } from '../command.ts';
import { searchProgram, type WireKey } from '../grammar/search-key.ts';
import { type SearchReturn, searchReturn } from '../grammar/search-return.ts';
import { asksModSeq, resolveKey } from '../search.ts';
import { saveResult, sendExtended, sendNumbers } from '../search-response.ts';

interface SearchArguments {
  readonly returns: SearchReturn | null;
  readonly key: WireKey;
}

const everything: SearchReturn = { min: false, max: false, all: true, count: false, save: false, partial: null };

function searchCommand(byUid: boolean): Command<SearchArguments> {
  return command({
    name: byUid ? 'UID SEARCH' : 'SEARCH',
    capabilities: ['ESEARCH', 'SEARCHRES', 'WITHIN', 'PARTIAL'],
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
      const modSeq = asksModSeq(key);
      if (modSeq) session.enabled.add('CONDSTORE');
      try {
        const uids = await mail.search(view.mailbox.id, resolveKey(key, view));
        const found = { view, places: view.placesOf(uids), byUid, modSeq };
        if (returns?.save) saveResult(found, returns);
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
