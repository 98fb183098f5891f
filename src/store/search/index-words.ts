import { join } from 'node:path';
import type { Part } from '../../mail/mime/part.ts';
import { mimeLimits } from '../../mail/mime/reader.ts';
import { openFile } from '../message-file.ts';
import { type PendingRecord, searchTable } from '../tables/search.ts';
import type { AccountWriter } from '../writer/account-writer.ts';
import { blockEntries, signatureEntry, withoutGone } from './signature.ts';
import { type MessageWords, messageWords } from './words.ts';

/** Messages in one transaction at most, and milliseconds spent on reading them. */
const most = 64;
const longest = 15;
/** Milliseconds between rounds that take signatures of removed messages out. */
const tidyInterval = 6 * 3_600_000;

/** Puts words of messages into the search index, an account's a slice at a time. Blocks. */
export class WordIndexer {
  readonly #writer: AccountWriter;
  #prepared: ReturnType<typeof searchTable> | null = null;
  /** Contents up to here were tried in this round; those that stay are of files that are not where their row says. */
  #after = 0;
  /** The last block that was tidied in this round. */
  #tidied = 0;
  #tidyAt = 0;

  constructor(writer: AccountWriter) {
    this.#writer = writer;
  }

  get #table(): ReturnType<typeof searchTable> {
    this.#prepared ??= searchTable(this.#writer.db);
    return this.#prepared;
  }

  /** @returns whether there may be more */
  slice(): boolean {
    const rows = this.#table.pending(this.#after, most);
    const read: { contentId: number; words: MessageWords; signature: Buffer }[] = [];
    const started = performance.now();
    for (const row of rows) {
      this.#after = row.contentId;
      const words = this.#read(row);
      if (words !== null)
        read.push({ contentId: row.contentId, words, signature: signatureEntry(row.contentId, [words.head, words.body]) });
      if (performance.now() - started > longest) break;
    }
    if (read.length > 0) {
      this.#writer.transaction(() => {
        const taken = read.filter(({ contentId }) => this.#table.take(contentId));
        for (const { contentId, words } of taken) this.#table.put(contentId, words.fields, words.head, words.body, words.whole);
        this.#table.addSignatures(
          taken.map(({ signature }) => signature),
          blockEntries,
        );
      }, 'NORMAL');
    }
    if (rows.length > 0) return true;
    this.#after = 0;
    return this.#tidy();
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
