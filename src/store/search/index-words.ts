import { join } from 'node:path';
import type { Part } from '../../mail/mime/part.ts';
import { mimeLimits } from '../../mail/mime/reader.ts';
import { openFile } from '../message-file.ts';
import type { PendingRecord, searchTable } from '../tables/search.ts';
import type { AccountWriter } from '../writer/account-writer.ts';
import { blockEntries, signatureEntry, withoutGone } from './signature.ts';
import { type MessageWords, messageWords } from './words.ts';

/** Messages in one transaction at most, and milliseconds spent on reading them. */
const most = 64;
const longest = 15;
/** Milliseconds between rounds that take signatures of removed messages out. */
const tidyInterval = 6 * 3_600_000;

interface Tried {
  readonly contentId: number;
  /** null where its file is not where its row says. */
  readonly words: MessageWords | null;
}

/** Puts words of messages into the search index, an account's a slice at a time. Blocks. */
export class WordIndexer {
  readonly #writer: AccountWriter;
  /** Of contents that were tried in vain before, those up to here were tried again in this round. */
  #after = 0;
  /** The last block that was tidied in this round. */
  #tidied = 0;
  #tidyAt = 0;

  constructor(writer: AccountWriter) {
    this.#writer = writer;
  }

  get #table(): ReturnType<typeof searchTable> {
    return this.#writer.words;
  }

  /** @returns whether there may be more */
  slice(): boolean {
    const untried = this.#table.untried(most);
    const rows = untried.length > 0 ? untried : this.#table.pending(this.#after, most);
    if (rows.length === 0) {
      this.#after = 0;
      return this.#tidy();
    }
    const tried: Tried[] = [];
    const started = performance.now();
    for (const row of rows) {
      tried.push({ contentId: row.contentId, words: this.#read(row) });
      if (performance.now() - started > longest) break;
    }
    if (untried.length === 0) this.#after = tried.at(-1)!.contentId;
    if (untried.length > 0 || tried.some(({ words }) => words !== null)) this.#writer.transaction(() => this.#put(tried), 'NORMAL');
    return true;
  }

  #put(tried: readonly Tried[]): void {
    const table = this.#table;
    const mark = table.mark();
    const signatures: Buffer[] = [];
    for (const { contentId, words } of tried) {
      // Another process may have been here since it was read, or the message went.
      const isOurs = contentId > mark ? table.exists(contentId) : words !== null && table.take(contentId);
      if (!isOurs) continue;
      if (words === null) table.putOff(contentId);
      else {
        table.put(contentId, words.fields, words.head, words.body, words.whole);
        signatures.push(signatureEntry(contentId, [words.head, words.body]));
      }
    }
    table.addSignatures(signatures, blockEntries);
    const last = tried.at(-1)!.contentId;
    if (last > mark) table.setMark(last);
  }

  /** Takes removed messages out of a block, where they are half of it. @returns whether there are more blocks to look at */
  #tidy(): boolean {
    if (Date.now() < this.#tidyAt) return false;
    const block = this.#table.block(this.#tidied);
    if (block === undefined) {
      this.#tidied = 0;
      this.#tidyAt = Date.now() + tidyInterval;
      return false;
    }
    this.#tidied = block.id;
    const { entries } = withoutGone(block.signatures, this.#table.has);
    if (entries * 2 > block.entries) return true;
    this.#writer.transaction(() => {
      // Another process may have added to it since.
      const now = this.#table.block(block.id - 1);
      if (now?.id !== block.id) return;
      const left = withoutGone(now.signatures, this.#table.has);
      this.#table.setBlock(block.id, left.entries, left.signatures);
    }, 'NORMAL');
    return true;
  }

  #read({ contentId, mailbox, uid }: PendingRecord): MessageWords | null {
    const { contents, mailboxes, messages, root } = this.#writer;
    const row = messages.get(mailbox, uid);
    const folder = mailboxes.get(mailbox)?.folder;
    const structure = contents.reader(['structure'])(contentId)?.structure;
    if (row === undefined || folder === undefined || structure === undefined) return null;
    const file = openFile(join(root, row.origin ?? join(folder, row.file)));
    if (file === null) return null;
    try {
      const part = JSON.parse(structure) as Part;
      const header = contents.header(contentId) ?? file.readSync(0, Math.min(part.start, mimeLimits.header));
      return messageWords(part, header, (from, to) => file.readSync(from, to - from));
    } finally {
      file.close();
    }
  }
}
