import { Share } from '../../base/share.ts';
import { Fault } from '../../mail/fault.ts';
import { firstKeywordBit, flagBits } from '../../mail/flags.ts';
import type { ModSeq } from '../../mail/numbers.ts';
import type { FlagChange } from '../../store/store.ts';
import { type Command, command } from '../command.ts';
import { storeFlags } from '../grammar/flags.ts';
import { formatNumbers, type SequenceSet, sequenceSet } from '../grammar/sequence-set.ts';
import type { Session } from '../session.ts';
import { sendKeywords } from '../updates.ts';
import type { View } from '../view.ts';

interface StoreArguments {
  readonly set: SequenceSet;
  readonly unchangedSince: ModSeq | null;
  readonly silent: boolean;
  readonly change: FlagChange;
}

function storeCommand(byUid: boolean): Command<StoreArguments> {
  return command({
    name: byUid ? 'UID STORE' : 'STORE',
    states: ['selected'],
    updates: byUid ? 'all' : 'noExpunge',

    parse(line) {
      line.space();
      const set = sequenceSet(line);
      let unchangedSince: ModSeq | null = null;
      line.space();
      if (line.next === '(') {
        line.list(() => {
          line.expect('UNCHANGEDSINCE ');
          unchangedSince = line.number64() as ModSeq;
        });
        line.space();
      }
      const op = line.accept('+') ? 'add' : line.accept('-') ? 'remove' : 'replace';
      line.expect('FLAGS');
      const silent = line.accept('.SILENT');
      line.space();
      const flags = storeFlags(line);
      line.end();
      return { set, unchangedSince, silent, change: { op, flags } as const };
    },

    run: (args, session) => run(args, session, byUid),
  });
}

/** Changes flags. RFC 9051 6.4.6; UNCHANGEDSINCE RFC 7162 3.1.3 */
export const store = storeCommand(false);
export const uidStore = storeCommand(true);

async function run({ set, unchangedSince, silent, change }: StoreArguments, session: Session, byUid: boolean): Promise<string> {
  const { mail, view } = session.selected;
  const { out } = session;
  if (unchangedSince !== null) session.enableCondstore();
  const places = view.places(set, byUid);
  if (view.readOnly) throw new Fault('noPermission', 'Mailbox is read-only');
  if (places.length === 0) return 'Store completed.';
  const { rows, modified, known } = await mail.store(view.mailbox.id, view.uidsOf(places), change, unchangedSince ?? undefined);
  const condstore = session.enabled.has('CONDSTORE');
  const recent = !session.rev2;
  if (view.hasNewKeyword(rows.flags)) sendKeywords(session, view);
  const share = new Share();
  const unseen = silent && unchangedSince === null;
  const named = silent ? namedBits(change.flags, mail.keywords(view.mailbox.id)) : namedBits([], []);
  const { uids, flags, modSeqs, moreKeywords } = rows;
  const find = view.finder(uids.length);
  for (let i = 0; i < uids.length; i++) {
    if (i % 1000 === 999) await (out.drained() ?? share.next());
    const uid = uids[i]!;
    const at = find(uid);
    if (at < 0) continue;
    const wanted = silent ? expected(view, at, change, named) : null;
    view.learnAt(at, rows, i);
    // What another session changed meanwhile must be told even by a silent STORE. RFC 9051 6.4.6
    const showFlags = wanted === null || flags[i] !== wanted.bits || !sameNames(moreKeywords.get(uid) ?? none, wanted.more);
    if (!showFlags && unseen && !condstore) continue;
    const parts = [
      ...((byUid || condstore || session.rev2) && !session.uidOnly ? [`UID ${uid}`] : []),
      ...(showFlags ? [`FLAGS (${view.flagText(at, recent)})`] : []),
      ...(condstore ? [`MODSEQ (${modSeqs[i]})`] : []),
    ];
    if (parts.length > 0) out.text(`${session.fetchHead(view, at)}${parts.join(' ')})\r\n`);
  }
  if (known !== undefined) view.reach(known);
  if (modified.length > 0) {
    const numbers = byUid ? modified : view.placesOf(modified).map((at) => at + 1);
    return `[MODIFIED ${formatNumbers(numbers)}] Conditional STORE failed.`;
  }
  if (uids.length < places.length) return '[EXPUNGEISSUED] Store completed, some messages were already expunged.';
  return 'Store completed.';
}

interface Named {
  readonly bits: number;
  /** Those without a bit, in lower case. */
  readonly more: readonly string[];
}

function namedBits(flags: readonly string[], keywords: readonly string[]): Named {
  let bits = 0;
  const more: string[] = [];
  for (const flag of flags) {
    const lower = flag.toLowerCase();
    const letter = keywords.findIndex((keyword) => keyword.toLowerCase() === lower);
    const bit: number = (flagBits as Partial<Record<string, number>>)[flag] ?? (letter === -1 ? 0 : 1 << (firstKeywordBit + letter));
    if (bit === 0) more.push(lower);
    bits |= bit;
  }
  return { bits, more };
}

/** The flags a message should have after `change`, as far as this session knows. */
function expected(view: View, at: number, { op }: FlagChange, named: Named): Named {
  const known = view.flags[at]!;
  const bits = (op === 'replace' ? named.bits : op === 'add' ? known | named.bits : known & ~named.bits) >>> 0;
  if (named.more.length + view.moreKeywords.size === 0) return { bits, more: none };
  const before = (view.moreKeywords.get(view.uids[at]!) ?? none).map((name) => name.toLowerCase());
  const others = before.filter((name) => !named.more.includes(name));
  return { bits, more: op === 'replace' ? named.more : op === 'add' ? [...others, ...named.more] : others };
}

const none: readonly string[] = [];

/** @param lower in lower case */
const sameNames = (names: readonly string[], lower: readonly string[]): boolean =>
  names.length === lower.length && names.every((name) => lower.includes(name.toLowerCase()));
