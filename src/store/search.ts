import { setImmediate as turn } from 'node:timers/promises';
import { casemap } from '../mail/casemap.ts';
import { Fault } from '../mail/fault.ts';
import { firstKeywordBit, flagBits, systemFlag } from '../mail/flags.ts';
import { fieldBody, splitHeader } from '../mail/header/fields.ts';
import type { Part, SortKeys } from '../mail/mime/part.ts';
import { bodyText, fieldText, headerText } from '../mail/mime/text.ts';
import type { MailboxId, Uid } from '../mail/numbers.ts';
import type { SearchKey } from '../mail/search.ts';
import type { MailboxKeys } from './keys.ts';
import type { Reader } from './reader.ts';
import { type WordAnswer, WordIndex } from './search/word-index.ts';
import type { AccountStore, Column, MailboxSnapshot, MessageRow } from './store.ts';

/** Milliseconds the loop is held at a time. */
const slice = 5;
const day = 86_400_000;

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

type Test = (message: Candidate) => boolean | Promise<boolean>;

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
    this.#rows.clear();
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

  async header(): Promise<string> {
    const header = this.row('header')?.header;
    if (header === undefined) return '';
    if (header !== null) return header.toString('latin1');
    const root = this.structure();
    const file = await this.open();
    if (root === null || file === null) return '';
    try {
      return (await file.read(0, root.start)).toString('latin1');
    } finally {
      file.close();
    }
  }

  structure(): Part | null {
    const text = this.row('structure')?.structure;
    return text === undefined ? null : (JSON.parse(text) as Part);
  }

  async open() {
    try {
      return await this.#store.openMessage(this.#id, this.uid);
    } catch (error) {
      if (error instanceof Fault) return null;
      throw error;
    }
  }
}

/** UIDs that match, ascending. Works through the mailbox in slices. RFC 9051 6.4.4 */
export async function searchMailbox(
  store: AccountStore,
  id: MailboxId,
  key: SearchKey,
  { reader, keys }: SearchSources,
): Promise<Uint32Array> {
  const view = store.snapshot(id);
  const test = await compile(key, { store, id, view, words: new WordIndex(reader, id), keys });
  const found: number[] = [];
  const message = new Candidate(store, id);
  let since = performance.now();
  for (let i = 0; i < view.uids.length; i++) {
    message.reset(view.uids[i]!, view.flags[i]!, view.modSeqs[i]!);
    let matches = test(message);
    if (typeof matches !== 'boolean') matches = await matches;
    if (matches) found.push(view.uids[i]!);
    if ((i & 31) === 31 && performance.now() - since > slice) {
      await turn();
      since = performance.now();
    }
  }
  // Of what went while we looked some keys saw nothing any more, and NOT of that would be true.
  const { complete, expunged } = store.changes(id, view.highestModSeq);
  if (expunged.length === 0 && complete) return Uint32Array.from(found);
  const left = complete ? null : new Set(store.snapshot(id).uids);
  const gone = new Set<number>(expunged);
  return Uint32Array.from(found.filter((uid) => (left === null ? !gone.has(uid) : left.has(uid))));
}

export interface SearchSources {
  readonly reader: () => Reader;
  readonly keys: () => MailboxKeys;
}

interface Place {
  readonly keys: () => MailboxKeys;
  readonly store: AccountStore;
  readonly id: MailboxId;
  readonly view: MailboxSnapshot;
  readonly words: WordIndex;
}

/** The index's word where it has one; the message itself where it has not. */
function indexed(answer: WordAnswer | null, look: Test): Test {
  if (answer === null) return look;
  const { matched, undecided } = answer;
  return (message) => matched.has(message.uid) || (undecided.has(message.uid) && look(message));
}

async function compile(key: SearchKey, place: Place): Promise<Test> {
  const { store, id, view, words } = place;
  switch (key.kind) {
    case 'all':
    case 'saveDateSupported':
      return () => true;
    case 'and':
    case 'or': {
      const tests: Test[] = [];
      for (const one of key.keys.toSorted((a, b) => cost(a) - cost(b))) tests.push(await compile(one, place));
      return combine(tests, key.kind === 'and');
    }
    case 'not': {
      const test = await compile(key.key, place);
      return (message) => {
        const matches = test(message);
        return typeof matches === 'boolean' ? !matches : matches.then((value) => !value);
      };
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
      return (message) => message.row('sortKeys')?.threadId === key.id;
    case 'date':
      return dateTest(key, await loaded(place));
    case 'header':
      return indexed(await words.header(key.field, key.text), headerTest(key.field, key.text));
    case 'body':
      return indexed(await words.body(key.text), (message) => bodyMatches(message, casemap(key.text)));
    case 'text':
      return indexed(await words.text(key.text), async (message) => {
        const needle = casemap(key.text);
        return casemap(headerText(await message.header())).includes(needle) || bodyMatches(message, needle);
      });
  }
}

/** Cheap tests first; a promise only where one is needed. */
function combine(tests: readonly Test[], all: boolean): Test {
  const from = (message: Candidate, start: number): boolean | Promise<boolean> => {
    for (let i = start; i < tests.length; i++) {
      const matches = tests[i]!(message);
      if (typeof matches !== 'boolean') return matches.then((value) => (value === all ? from(message, i + 1) : !all));
      if (matches !== all) return !all;
    }
    return all;
  };
  return (message) => from(message, 0);
}

const ofRow =
  (test: (row: MessageRow) => boolean): Test =>
  (message) => {
    const row = message.row();
    return row !== null && test(row);
  };

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
  if (which !== 'sent')
    return byKeys(
      keys,
      (_, at) => compare(Math.floor((which === 'saved' ? keys.saveDate(at) : keys.internalDate(at)) / day)),
      ofRow(({ internalDate, saveDate }) => compare(Math.floor((which === 'saved' ? saveDate : internalDate) / day))),
    );
  const look: Test = (message) => {
    const row = message.row('sortKeys');
    if (row === null) return false;
    const sentDay = row.sortKeys === undefined ? null : (JSON.parse(row.sortKeys) as SortKeys).sentDay;
    return compare(sentDay ?? Math.floor(row.internalDate / day));
  };
  return byKeys(keys, (_, at) => compare(keys.sentDay(at)), look);
}

function headerTest(field: string, text: string): Test {
  const needle = casemap(text);
  const test = (header: string): boolean =>
    splitHeader(header).some(
      (one) => one.key === field && (needle === '' || casemap(fieldText(field, fieldBody(header, one))).includes(needle)),
    );
  return (message) => {
    const header = message.row('header')?.header;
    if (header === undefined) return false;
    return header === null ? message.header().then(test) : test(header.toString('latin1'));
  };
}

async function bodyMatches(message: Candidate, needle: string): Promise<boolean> {
  const root = message.structure();
  const file = root === null ? null : await message.open();
  if (root === null || file === null) return false;
  try {
    let before = '';
    let since = performance.now();
    for (const { text, joins } of bodyText(root, (from, to) => file.readSync(from, to - from))) {
      const piece = (joins ? before : '') + casemap(text);
      if (piece.includes(needle)) return true;
      before = needle.length > 1 ? piece.slice(1 - needle.length) : '';
      if (performance.now() - since > slice) {
        await turn();
        since = performance.now();
      }
    }
    return false;
  } finally {
    file.close();
  }
}
