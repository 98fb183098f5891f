import { inSlices } from '../../base/slices.ts';
import { Fault } from '../../mail/fault.ts';
import { formatThreads, type ThreadAlgorithm, thread as threads } from '../../mail/thread.ts';
import { type Command, command } from '../command.ts';
import { decoder, searchKeys, type WireKey } from '../grammar/search-key.ts';
import { recentThreads } from '../recent-threads.ts';
import { requireUids, resolveKey } from '../search.ts';
import { foundAll } from '../search-response.ts';

interface ThreadArguments {
  readonly algorithm: ThreadAlgorithm;
  readonly key: WireKey;
}

const algorithms: readonly ThreadAlgorithm[] = ['orderedsubject', 'references', 'refs'];

function threadCommand(byUid: boolean): Command<ThreadArguments> {
  return command({
    name: byUid ? 'UID THREAD' : 'THREAD',
    capabilities: algorithms.map((name) => `THREAD=${name.toUpperCase()}`),
    states: ['selected'],
    updates: byUid ? 'all' : 'noExpunge',

    parse(line) {
      line.space();
      const word = line.atom().toLowerCase();
      const algorithm = algorithms.find((name) => name === word);
      if (algorithm === undefined) throw new Fault('syntax', 'Unknown thread algorithm');
      line.space();
      const text = decoder(line.astring());
      line.space();
      const key = searchKeys(line, text);
      line.end();
      return { algorithm, key };
    },

    async run({ algorithm, key }, session) {
      const { mail, view } = session.selected;
      if (session.uidOnly) requireUids(key);
      const uids = await mail.search(view.mailbox.id, resolveKey(key, view));
      const places = view.placesOf(uids);
      const known = view.uidsOf(places);
      const recent = recentThreads(mail.account.address, view, algorithm, known, byUid ? known : places);
      let { text } = recent;
      if (text === null) {
        const nodes = await inSlices(threads(await mail.sortItems(view.mailbox.id, known, true), algorithm));
        text = await inSlices(formatThreads(nodes, byUid ? (uid) => uid : (uid) => view.place(uid) + 1));
        recent.keep(text);
      }
      session.out.untagged(`THREAD${text === '' ? '' : ` ${text}`}`);
      return await foundAll(session, byUid);
    },
  });
}

/** RFC 5256 3 */
export const thread = threadCommand(false);
export const uidThread = threadCommand(true);
