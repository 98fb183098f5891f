import { Fault } from '../../mail/fault.ts';
import { seen } from '../../mail/flags.ts';
import type { ModSeq } from '../../mail/numbers.ts';
import type { Column } from '../../store/store.ts';
import { type Command, command } from '../command.ts';
import { respond } from '../fetch-response.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { type FetchItem, fetchItems } from '../grammar/fetch-items.ts';
import { type PartialRange, partialRange } from '../grammar/partial-range.ts';
import { formatNumbers, resolveRanges, type SequenceSet, sequenceSet } from '../grammar/sequence-set.ts';
import { fetchItemsByName } from '../items/index.ts';
import type { ItemWriter } from '../items/item.ts';
import { pick } from '../partial.ts';
import { goneOf } from '../resynchronize.ts';
import { rangesOf } from '../search.ts';
import type { Session } from '../session.ts';
import { sendFlags, sendUpdates } from '../updates.ts';

interface FetchArguments {
  readonly set: SequenceSet;
  readonly items: readonly FetchItem[];
  readonly changedSince: ModSeq | null;
  readonly vanished: boolean;
  readonly partial: PartialRange | null;
}

/** fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")". RFC 4466 2.4, RFC 7162 7, RFC 9394 3.3 */
function modifiers(line: Cursor): Pick<FetchArguments, 'changedSince' | 'vanished' | 'partial'> {
  let changedSince: ModSeq | null = null;
  let vanished = false;
  let partial: PartialRange | null = null;
  if (line.accept(' ')) {
    line.list(() => {
      if (line.accept('CHANGEDSINCE ')) changedSince = line.number64() as ModSeq;
      else if (line.acceptWord('VANISHED')) vanished = true;
      else if (line.accept('PARTIAL ')) partial = partialRange(line);
      else throw new Fault('syntax', 'Unknown FETCH modifier');
    });
  }
  return { changedSince, vanished, partial };
}

function fetchCommand(byUid: boolean): Command<FetchArguments> {
  return command({
    name: byUid ? 'UID FETCH' : 'FETCH',
    states: ['selected'],
    updates: byUid ? 'all' : 'noExpunge',

    parse(line) {
      line.space();
      const set = sequenceSet(line);
      line.space();
      const items = fetchItems(line);
      const args = { set, items, ...modifiers(line) };
      line.end();
      if (args.vanished && (!byUid || args.changedSince === null)) throw new Fault('syntax', 'VANISHED needs UID FETCH and CHANGEDSINCE');
      if (args.partial !== null && !byUid) throw new Fault('syntax', 'PARTIAL needs UID FETCH');
      return args;
    },

    run: (args, session) => run(args, session, byUid),
  });
}

/** RFC 9051 6.4.5 */
export const fetch = fetchCommand(false);
/** RFC 9051 6.4.9 */
export const uidFetch = fetchCommand(true);

async function run({ set, items, changedSince, vanished, partial }: FetchArguments, session: Session, byUid: boolean): Promise<string> {
  const { mail, view } = session.selected;
  if (vanished && !session.enabled.has('QRESYNC')) throw new Fault('syntax', 'QRESYNC not enabled');
  const wanted = [...items];
  const add = (name: string) => {
    if (!wanted.some((item) => item.name === name)) wanted.unshift({ name, section: null, partial: null, lazy: false });
  };
  if (changedSince !== null) {
    session.enableCondstore();
    add('MODSEQ');
  }
  if (byUid && !session.uidOnly) add('UID');
  const writers = wanted.map((item) => writerOf(item, session));
  const marks = !view.readOnly && writers.some((writer) => writer.marksSeen) && mail.rights(view.mailbox.id).includes('s');
  // What is seen by now, not what was when the client last heard: another may have taken the flag away.
  if (changedSince !== null || marks) await sendUpdates(session, false);
  let places = view.places(set, byUid);
  if (changedSince !== null) places = places.filter((at) => view.modSeqs[at]! > changedSince);
  if (partial !== null) places = Uint32Array.from(pick(places, partial));
  if (vanished) await sendVanished(session, set, changedSince!);
  let marked: number[] = [];
  if (marks) {
    const unseen = places.filter((at) => (view.flags[at]! & seen) === 0 && !view.isGone(view.uids[at]!));
    if (unseen.length > 0) {
      const { rows } = await mail.store(view.mailbox.id, view.uidsOf(unseen), { op: 'add', flags: ['\\Seen'] });
      marked = view.learn(rows);
    }
  }
  const columns = [...new Set(writers.flatMap((writer) => writer.columns))] satisfies Column[];
  const whole = await respond(session, places, writers, columns);
  // The client sees \Seen here or in an answer of its own.
  if (marked.length > 0 && !wanted.some((item) => item.name === 'FLAGS')) await sendFlags(session, view, marked);
  return whole ? 'Fetch completed.' : '[EXPUNGEISSUED] Some messages were already expunged.';
}

function writerOf(item: FetchItem, session: Session): ItemWriter {
  const row = fetchItemsByName.get(item.name);
  if (row === undefined) throw new Fault('syntax', `Unknown fetch item ${item.name}`);
  return row.writer(item, session);
}

/** RFC 7162 3.2.6 */
async function sendVanished(session: Session, set: SequenceSet, since: ModSeq): Promise<void> {
  const { mail, view } = session.selected;
  const { expunged } = await mail.changes(view.mailbox.id, since);
  const ranges = set === '$' ? rangesOf(view.saved) : resolveRanges(set, view.uidNext - 1);
  const gone = goneOf(expunged, ranges, view);
  if (gone.length > 0) session.out.untagged(`VANISHED (EARLIER) ${formatNumbers(gone)}`);
}
