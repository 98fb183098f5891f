import { Share } from '../../base/share.ts';
import { casemap } from '../../mail/casemap.ts';
import type { Reader } from '../reader.ts';
import { isSearchField, type SearchField, type searchTable } from '../tables/search.ts';
import { UidSet } from '../uid-set.ts';
import { candidates, needleBits } from './signature.ts';
import type { TextQuestion } from './text-question.ts';

/** What the index says of a mailbox: UIDs that match, and UIDs it knows too little of. All others do not match. */
export interface WordAnswer {
  readonly matched: UidSet;
  readonly undecided: UidSet;
}

/** Contents whose fields are compared in one statement. */
const contentStep = 10_000;
/** Messages whose words are missing that are read in one statement. */
const undecidedStep = 5000;
/** Candidates looked at between looks at the clock. */
const candidateStep = 32;
/** Where more than one message in so many may match, all are compared in SQLite, so many contents at a step. */
const sparse = 16;
const textStep = 128;

/** Asks the search index of one mailbox, in slices. null where the index was replaced meanwhile. */
export class WordIndex {
  readonly #reader: () => Reader;
  readonly #mailbox: number;
  readonly #share = new Share();

  constructor(reader: () => Reader, mailbox: number) {
    this.#reader = reader;
    this.#mailbox = mailbox;
  }

  /** Of these messages, one by one: for few of many. */
  async of(uids: Uint32Array, question: TextQuestion): Promise<WordAnswer | null> {
    const reader = this.#reader();
    const says = ofOne(reader.words, this.#mailbox, question);
    const [matched, undecided] = [new UidSet(), new UidSet()];
    for (let i = 0; i < uids.length; i++) {
      const answer = says(uids[i]!);
      if (answer !== false) (answer === true ? matched : undecided).add(uids[i]!);
      if (i % candidateStep === candidateStep - 1 && (await this.#pause(reader))) return null;
    }
    return { matched, undecided };
  }

  /** Of all messages of the mailbox. */
  all(question: TextQuestion): Promise<WordAnswer | null> {
    if (question.kind === 'header') return this.#header(question.field, question.text);
    return question.kind === 'body' ? this.#body(question.text) : this.#text(question.text);
  }

  /** Messages with a field that contains `text`; any such field where it is empty. */
  async #header(field: string, text: string): Promise<WordAnswer | null> {
    const needle = Buffer.from(casemap(text));
    if (isSearchField(field)) return this.#inField(field, needle);
    const name = beginOf(field);
    // The name and the text are both in the head of what matches.
    const bits = Uint16Array.from([...needleBits(name), ...needleBits(needle)]);
    return this.#among(bits, (table, id) => hasField(table.head(id), name, needle), null);
  }

  #body(text: string): Promise<WordAnswer | null> {
    const needle = Buffer.from(casemap(text));
    return this.#among(
      needleBits(needle),
      (table, id) => table.body(id)?.includes(needle) === true,
      (table, from, to) => table.inBody(this.#mailbox, from, to, needle),
    );
  }

  #text(text: string): Promise<WordAnswer | null> {
    const needle = Buffer.from(casemap(text));
    const inEither = (table: Table, id: number): boolean =>
      table.head(id)?.includes(needle) === true || table.body(id)?.includes(needle) === true;
    return this.#among(needleBits(needle), inEither, (table, from, to) => table.inText(this.#mailbox, from, to, needle));
  }

  async #inField(field: SearchField, needle: Buffer): Promise<WordAnswer | null> {
    const reader = this.#reader();
    const table = reader.words;
    const matched = new UidSet();
    // What is pending now is undecided; what becomes ready meanwhile may be both, which does no harm.
    const undecided = await this.#undecided(reader);
    if (undecided === null) return null;
    const last = table.lastContent();
    for (let from = 0; from <= last; from += contentStep) {
      for (const uid of table.inField(field, this.#mailbox, from, from + contentStep - 1, needle)) matched.add(uid);
      if (await this.#pause(reader)) return null;
    }
    return { matched, undecided };
  }

  /** @param inRange UIDs that match of contents between two ids; null where only the header is looked through */
  async #among(
    bits: Uint16Array,
    matches: (table: Table, id: number) => boolean,
    inRange: ((table: Table, from: number, to: number) => number[]) | null,
  ): Promise<WordAnswer | null> {
    const reader = this.#reader();
    const table = reader.words;
    const matched = new UidSet();
    const undecided = await this.#undecided(reader);
    if (undecided === null) return null;
    if (inRange !== null) for (const uid of table.cut(this.#mailbox)) undecided.add(uid);
    const found: number[] = [];
    let entries = 0;
    for (let block = table.block(0); block !== undefined; block = table.block(block.id)) {
      candidates(block.signatures, bits, found);
      entries += block.entries;
      if (await this.#pause(reader)) return null;
    }
    if (inRange !== null && found.length > Math.max(64, entries / sparse)) {
      found.sort((a, b) => a - b);
      for (let i = 0; i < found.length; ) {
        const from = found[i]!;
        const end = from + textStep;
        let to = from;
        for (; i < found.length && found[i]! < end; i++) to = found[i]!;
        for (const uid of inRange(table, from, to)) matched.add(uid);
        if (await this.#pause(reader)) return null;
      }
      return { matched, undecided };
    }
    for (let i = 0; i < found.length; i++) {
      const id = found[i]!;
      const uids = table.uidsOf(id, this.#mailbox);
      if (uids.length > 0 && matches(table, id)) for (const uid of uids) matched.add(uid);
      if (i % candidateStep === candidateStep - 1 && (await this.#pause(reader))) return null;
    }
    return { matched, undecided };
  }

  /**
   * UIDs whose words are not in the index, read in the order in which a message goes on its way: not read, above the mark, tried in
   * vain. So none is missed that moves on meanwhile, but those whose words have come, and these the index is asked for afterwards.
   */
  async #undecided(reader: Reader): Promise<UidSet | null> {
    const table = reader.words;
    const found = new UidSet();
    for (let after = 0; ; ) {
      const uids = table.unread(this.#mailbox, after, undecidedStep);
      for (const uid of uids) found.add(uid);
      if (await this.#pause(reader)) return null;
      if (uids.length < undecidedStep) break;
      after = uids.at(-1)!;
    }
    for (let from = table.mark() + 1, last = table.highestContent(); from <= last; from += undecidedStep) {
      for (const uid of table.uidsOfContents(this.#mailbox, from, from + undecidedStep - 1)) found.add(uid);
      if (await this.#pause(reader)) return null;
      last = table.highestContent();
    }
    for (const uid of table.inVain(this.#mailbox)) found.add(uid);
    return found;
  }

  /** Lets others have the loop when it was held long enough. @returns whether the index is another one now */
  async #pause(reader: Reader): Promise<boolean> {
    const turn = this.#share.next();
    if (turn === undefined) return false;
    await turn;
    return this.#reader() !== reader;
  }
}

type Table = ReturnType<typeof searchTable>;

/** How a line of a head begins that is this field. */
const beginOf = (field: string): Buffer => Buffer.from(`${casemap(field)}:`);

/** What the index says of one message; undefined where it knows too little. */
function ofOne(table: Table, mailbox: number, question: TextQuestion): (uid: number) => boolean | undefined {
  const needle = Buffer.from(casemap(question.text));
  if (question.kind === 'header') {
    const { field } = question;
    if (isSearchField(field)) return (uid) => table.fieldOf(field, mailbox, uid, needle);
    const name = beginOf(field);
    return (uid) => {
      const head = table.headOf(mailbox, uid);
      return head === undefined ? undefined : hasField(head, name, needle);
    };
  }
  return (uid) => {
    const found = table.textOf(mailbox, uid, needle);
    if (found === undefined) return undefined;
    if (found.body === 1 || (question.kind === 'text' && found.head === 1)) return true;
    return found.whole === 1 ? false : undefined;
  };
}

/** Whether a head has a line that begins with `name` and contains `needle` after it. */
function hasField(head: Buffer | undefined, name: Buffer, needle: Buffer): boolean {
  if (head === undefined) return false;
  for (let at = head.indexOf(name); at >= 0; at = head.indexOf(name, at + 1)) {
    if (at > 0 && head[at - 1] !== 10) continue;
    const end = head.indexOf(10, at);
    const found = head.indexOf(needle, at + name.length);
    if (needle.length === 0 || (found >= 0 && found + needle.length <= (end < 0 ? head.length : end))) return true;
  }
  return false;
}
