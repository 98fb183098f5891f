import { Share } from '../base/share.ts';
import { firstKeywordBit, flagBits, systemFlag } from '../mail/flags.ts';
import { shownDay, startOfDay } from '../mail/local-time.ts';
import type { SortKeys } from '../mail/mime/part.ts';
import type { MailboxId, Uid } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import { readStep } from './fetch.ts';
import type { MailboxKeys } from './keys.ts';
import type { Reader } from './reader.ts';
import type { TextQuestion } from './search/text-question.ts';
import { WordIndex } from './search/word-index.ts';
import type { AccountStore, Column, MailboxSnapshot, MessageRow } from './store.ts';
import { lowerBound, UidSet } from './uid-set.ts';
import type { Looked } from './writer/look.ts';

/** Messages handed to a store thread at a time. */
const lookStep = 1000;
/** From here on keys ask for text. */
const textCost = 3;
/** Up to one message in so many, the index is asked for each; for more, for all at once. */
const few = 16;
const none = new Uint32Array(0);

/** Where a key's answer comes from; cheaper ones are asked first. */
function cost(key: SearchKey): number {
  switch (key.kind) {
    case 'and':
    case 'or':
      return Math.max(0, ...key.keys.map(cost));
    case 'not':
      return cost(key.key);
    case 'all':
    case 'uids':
    case 'flag':
    case 'recent':
    case 'modseq':
    case 'saveDateSupported':
      return 0;
    case 'threadid':
      return 2;
    case 'date':
      return key.which === 'sent' ? 2 : 1;
    case 'header':
      return 3;
    case 'text':
    case 'body':
      return 4;
    default:
      return 1;
  }
}

type Test = (message: Candidate) => boolean;

/** One message, read as far as the keys ask. */
class Candidate {
  uid = 0 as Uid;
  flags = 0;
  modSeq = 0;
  readonly #store: AccountStore;
  readonly #id: MailboxId;
  readonly #rows = new Map<string, MessageRow | null>();

  constructor(store: AccountStore, id: MailboxId) {
    this.#store = store;
    this.#id = id;
  }

  reset(uid: number, flags: number, modSeq: number): void {
    this.uid = uid as Uid;
    this.flags = flags;
    this.modSeq = modSeq;
    // Clearing an empty map makes garbage of its table: more than all else that most messages cost.
    if (this.#rows.size > 0) this.#rows.clear();
  }

  /** null where it went meanwhile. */
  row(...columns: Column[]): MessageRow | null {
    const key = columns.join();
    let row = this.#rows.get(key);
    if (row === undefined) {
      const rows = this.#store.fetch(this.#id, [this.uid], columns).next().value as readonly MessageRow[] | undefined;
      row = rows?.[0] ?? null;
      this.#rows.set(key, row);
    }
    return row;
  }
}

/** UIDs that match, ascending. RFC 9051 6.4.4 */
export async function searchMailbox(
  store: AccountStore,
  id: MailboxId,
  key: SearchKey,
  { reader, keys, look }: SearchSources,
): Promise<Uint32Array> {
  const view = store.snapshot(id);
  if (key.kind === 'all') return view.uids;
  const span = spanOf(key, view.uids);
  const among = view.uids.subarray(...span);
  const place: Place = { store, id, view, span, words: new WordIndex(reader, id), keys, look, among };
  // Nothing but text is asked for: what matches is known without a look at each message.
  if (key.kind === 'header' || key.kind === 'body' || key.kind === 'text')
    return stillThere((await indexed(key, place)).among(view.uids), place);
  return matching(await compile(key, place), place);
}

/** Places, from one to before another. */
type Span = readonly [from: number, to: number];

/** Outside of it nothing matches: the UIDs that are asked for may be few of many. */
function spanOf(key: SearchKey, uids: Uint32Array): Span {
  let [from, to] = [0, uids.length];
  if (key.kind === 'and') {
    for (const one of key.keys.map((part) => spanOf(part, uids))) [from, to] = [Math.max(from, one[0]), Math.min(to, one[1])];
  } else if (key.kind === 'uids') {
    const { ranges } = key;
    const at = (uid: number): number => lowerBound(uids, uids.length, uid);
    [from, to] = [at(ranges[0]?.[0] ?? Number.POSITIVE_INFINITY), at((ranges.at(-1)?.[1] ?? 0) + 1)];
  }
  return [from, Math.max(from, to)];
}

/** Works through a part of the mailbox in slices. */
async function matching(test: Test, { view, span: [from, to], store, id }: Part): Promise<Uint32Array> {
  const found: number[] = [];
  const message = new Candidate(store, id);
  const share = new Share();
  for (let i = from; i < to; i++) {
    message.reset(view.uids[i]!, view.flags[i]!, view.modSeqs[i]!);
    if (test(message)) found.push(view.uids[i]!);
    const turn = (i & 31) === 31 ? share.next() : undefined;
    if (turn !== undefined) await turn;
  }
  return stillThere(Uint32Array.from(found), { view, store, id });
}

/** Of what went while we looked some keys saw nothing any more, and NOT of that would be true. */
async function stillThere(found: Uint32Array, { view, store, id }: Pick<Part, 'view' | 'store' | 'id'>): Promise<Uint32Array> {
  const { complete, expunged } = await store.changes(id, view.highestModSeq);
  if (expunged.length === 0 && complete) return found;
  const left = complete ? null : new UidSet(store.snapshot(id).uids);
  const gone = new UidSet(expunged);
  return found.filter((uid) => (left === null ? !gone.has(uid) : left.has(uid)));
}

export interface SearchSources {
  readonly reader: () => Reader;
  readonly keys: () => MailboxKeys;
  /** Has a store thread look at messages themselves, as many as its time allows. */
  readonly look: (uids: Uint32Array, question: TextQuestion) => Promise<Looked>;
}

/** Of a mailbox as it was when the search began. */
interface Part {
  readonly store: AccountStore;
  readonly id: MailboxId;
  readonly view: MailboxSnapshot;
  readonly span: Span;
}

interface Place extends Part, Pick<SearchSources, 'keys' | 'look'> {
  /** UIDs that other keys leave, ascending. */
  readonly among: Uint32Array;
  readonly words: WordIndex;
}

/** UIDs that match: the index's word where it has one; the messages themselves where it has not. */
async function indexed(question: TextQuestion, { among, look, words, view }: Place): Promise<UidSet> {
  const answer = await (among.length * few <= view.uids.length ? words.of(among, question) : words.all(question));
  const matched = answer?.matched ?? new UidSet();
  let left = answer === null ? among : answer.undecided.size === 0 ? none : among.filter((uid) => answer.undecided.has(uid));
  while (left.length > 0) {
    const { matched: found, done } = await look(left.subarray(0, lookStep), question);
    for (const uid of found) matched.add(uid);
    left = left.subarray(done);
  }
  return matched;
}

/** Keys that need no text first: what they leave is all that may have to be looked at. */
async function compileAll(keys: readonly SearchKey[], place: Place): Promise<Test> {
  const tests: Test[] = [];
  let { among } = place;
  for (const one of keys.toSorted((a, b) => cost(a) - cost(b))) {
    if (cost(one) >= textCost && among === place.among && tests.length > 0) among = await matching(combine(tests, true), place);
    tests.push(await compile(one, { ...place, among }));
  }
  return combine(tests, true);
}

/** Reads what was put off, so that rows show it. */
async function contentsRead({ store, id, among }: Place): Promise<void> {
  for (let at = 0; at < among.length; at += readStep) {
    const reading = store.read(id, among.subarray(at, at + readStep));
    if (reading === undefined) return;
    await reading;
  }
}

async function compile(key: SearchKey, place: Place): Promise<Test> {
  const { store, id, view } = place;
  switch (key.kind) {
    case 'all':
    case 'saveDateSupported':
      return () => true;
    case 'and':
      return compileAll(key.keys, place);
    case 'or': {
      const tests: Test[] = [];
      for (const one of key.keys.toSorted((a, b) => cost(a) - cost(b))) tests.push(await compile(one, place));
      return combine(tests, false);
    }
    case 'not': {
      const test = await compile(key.key, place);
      return (message) => !test(message);
    }
    case 'uids':
      return uidTest(key.ranges);
    case 'flag':
      return flagTest(key.flag, store.keywords(id), view);
    case 'recent': {
      const first = store.firstRecent(id);
      return ({ uid }) => uid >= first;
    }
    case 'modseq':
      return ({ modSeq }) => modSeq >= key.modSeq;
    case 'larger':
    case 'smaller': {
      const compare = (size: number): boolean => (key.kind === 'larger' ? size > key.size : size < key.size);
      return byKeys(
        await loaded(place),
        (keys, at) => compare(keys.size(at)),
        ofRow(({ size }) => compare(size)),
      );
    }
    case 'older':
    case 'younger': {
      const bound = Date.now() - key.seconds * 1000;
      const compare = (date: number): boolean => (key.kind === 'older' ? date <= bound : date >= bound);
      return byKeys(
        await loaded(place),
        (keys, at) => compare(keys.internalDate(at)),
        ofRow(({ internalDate }) => compare(internalDate)),
      );
    }
    case 'emailid':
      return ofRow(({ emailId }) => emailId === key.id);
    case 'threadid':
      await contentsRead(place);
      return (message) => message.row('sortKeys')?.threadId === key.id;
    case 'date':
      if (key.which === 'sent') await contentsRead(place);
      return dateTest(key, await loaded(place));
    case 'header':
    case 'body':
    case 'text':
      return uidIn(await indexed(key, place));
  }
}

const combine =
  (tests: readonly Test[], all: boolean): Test =>
  (message) => {
    for (const test of tests) if (test(message) !== all) return !all;
    return all;
  };

const ofRow =
  (test: (row: MessageRow) => boolean): Test =>
  (message) => {
    const row = message.row();
    return row !== null && test(row);
  };

const uidIn =
  (matched: UidSet): Test =>
  ({ uid }) =>
    matched.has(uid);

function uidTest(ranges: readonly (readonly [number, number])[]): Test {
  return ({ uid }) => {
    let low = 0;
    let high = ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const [from, to] = ranges[middle]!;
      if (uid < from) high = middle - 1;
      else if (uid > to) low = middle + 1;
      else return true;
    }
    return false;
  };
}

function flagTest(name: string, keywords: readonly string[], view: MailboxSnapshot): Test {
  const system = systemFlag(name);
  const lower = name.toLowerCase();
  const letter = keywords.findIndex((keyword) => keyword.toLowerCase() === lower);
  const bit = system !== null ? flagBits[system] : letter === -1 ? 0 : 1 << (firstKeywordBit + letter);
  if (bit !== 0) return ({ flags }) => (flags & bit) !== 0;
  return ({ uid }) => view.moreKeywords.get(uid)?.some((keyword) => keyword.toLowerCase() === lower) ?? false;
}

async function loaded({ keys }: Place): Promise<MailboxKeys> {
  const found = keys();
  await found.load();
  return found;
}

/** The columns' word where they have the message. */
const byKeys =
  (keys: MailboxKeys, test: (keys: MailboxKeys, at: number) => boolean, look: Test): Test =>
  (message) => {
    const at = keys.place(message.uid);
    return at === -1 ? look(message) : test(keys, at);
  };

function dateTest({ which, op, day: wanted }: SearchKey & { kind: 'date' }, keys: MailboxKeys): Test {
  const compare = (found: number): boolean => (op === 'before' ? found < wanted : op === 'on' ? found === wanted : found >= wanted);
  if (which !== 'sent') {
    // The day that INTERNALDATE shows. RFC 9051 6.4.4
    const [from, until] = [startOfDay(wanted), startOfDay(wanted + 1)];
    const here = (time: number): boolean => (op === 'before' ? time < from : time >= from && (op === 'since' || time < until));
    const there = (time: number, zone: number | null): boolean => (zone === null ? here(time) : compare(shownDay(time, zone)));
    return which === 'saved'
      ? byKeys(
          keys,
          (_, at) => here(keys.saveDate(at)),
          ofRow(({ saveDate }) => here(saveDate)),
        )
      : byKeys(
          keys,
          (_, at) => there(keys.internalDate(at), keys.zone(at)),
          ofRow(({ internalDate, zone }) => there(internalDate, zone)),
        );
  }
  const look: Test = (message) => {
    const row = message.row('sortKeys');
    if (row === null) return false;
    const sentDay = row.sortKeys === undefined ? null : (JSON.parse(row.sortKeys) as SortKeys).sentDay;
    return compare(sentDay ?? shownDay(row.internalDate, row.zone));
  };
  return byKeys(keys, (_, at) => compare(keys.sentDay(at)), look);
}
