import type { Database } from '../../db/open.ts';

/** Fields with a column of their own. */
const columns = { subject: 'subject', from: 'sender', to: 'recipient', cc: 'copy', bcc: 'blind_copy' } as const;

export type SearchField = keyof typeof columns;
export const searchFields = Object.keys(columns) as readonly SearchField[];

export function isSearchField(field: string): field is SearchField {
  return Object.hasOwn(columns, field);
}

export interface PendingRecord {
  readonly contentId: number;
  readonly mailbox: number;
  readonly uid: number;
}

/** Rows of tables `search_pending`, `search_field`, `search_text` and `search_block`. Of ranges of one, see `messageTable`. */
export function searchTable(db: Database) {
  const pending = db.prepare<[number, number], PendingRecord>(`
    SELECT p.content_id AS contentId, m.mailbox_id AS mailbox, m.uid AS uid
      FROM search_pending AS p CROSS JOIN message AS m INDEXED BY message_by_content ON m.content_id = p.content_id
     WHERE p.content_id > ? GROUP BY p.content_id ORDER BY p.content_id LIMIT ?`);
  const untried = db.prepare<[number], PendingRecord>(`
    SELECT content_id AS contentId, mailbox_id AS mailbox, uid FROM message INDEXED BY message_by_content
     WHERE content_id > (SELECT words FROM account) GROUP BY content_id ORDER BY content_id LIMIT ?`);
  const mark = db.prepare<[], number>('SELECT words FROM account').pluck();
  const setMark = db.prepare<[number]>('UPDATE account SET words = ?');
  const exists = db.prepare<[number], number>('SELECT 1 FROM content WHERE id = ?').pluck();
  const addPending = db.prepare<[number]>('INSERT OR IGNORE INTO search_pending (content_id) VALUES (?)');
  const inVain = db
    .prepare<[number], number>(`
      SELECT m.uid FROM search_pending AS p CROSS JOIN message AS m INDEXED BY message_by_content ON m.content_id = p.content_id
       WHERE m.mailbox_id = ?`)
    .pluck();
  const uidsOfContents = db
    .prepare<[number, number, number], number>(
      'SELECT uid FROM message INDEXED BY message_by_content WHERE content_id BETWEEN ? AND ? AND mailbox_id = ?',
    )
    .pluck();
  const unread = db
    .prepare<[number, number, number], number>(
      'SELECT uid FROM message INDEXED BY message_unread WHERE mailbox_id = ? AND uid > ? AND content_id IS NULL ORDER BY uid LIMIT ?',
    )
    .pluck();
  const highestContent = db.prepare<[], number | null>('SELECT max(content_id) FROM message INDEXED BY message_by_content').pluck();
  const cut = db
    .prepare<[number], number>(`
      SELECT m.uid FROM search_text AS t INDEXED BY search_text_cut CROSS JOIN message AS m INDEXED BY message_by_content ON m.content_id = t.content_id
       WHERE t.whole = 0 AND m.mailbox_id = ?`)
    .pluck();
  const takePending = db.prepare<[number]>('DELETE FROM search_pending WHERE content_id = ?');
  const putField = db.prepare<[number, ...(Buffer | null)[]]>(
    'INSERT OR REPLACE INTO search_field (content_id, subject, sender, recipient, copy, blind_copy) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const putText = db.prepare<[number, Buffer, Buffer, number]>(
    'INSERT OR REPLACE INTO search_text (content_id, head, body, whole) VALUES (?, ?, ?, ?)',
  );
  const lastBlock = db.prepare<[], { id: number; entries: number; signatures: Buffer }>(
    'SELECT id, entries, signatures FROM search_block ORDER BY id DESC LIMIT 1',
  );
  const addBlock = db.prepare<[number, Buffer]>('INSERT INTO search_block (entries, signatures) VALUES (?, ?)');
  const setBlock = db.prepare<[number, Buffer, number]>('UPDATE search_block SET entries = ?, signatures = ? WHERE id = ?');
  const block = db.prepare<[number], { id: number; entries: number; signatures: Buffer }>(
    'SELECT id, entries, signatures FROM search_block WHERE id > ? ORDER BY id LIMIT 1',
  );
  const removeBlock = db.prepare<[number]>('DELETE FROM search_block WHERE id = ?');
  const has = db.prepare<[number], number>('SELECT 1 FROM search_text WHERE content_id = ?').pluck();
  const uidOf = db
    .prepare<[number, number], number>('SELECT uid FROM message INDEXED BY message_by_content WHERE content_id = ? AND mailbox_id = ?')
    .pluck();
  const inTexts = (where: string) =>
    db
      .prepare<{ mailbox: number; from: number; to: number; text: Buffer }, number>(`
        SELECT m.uid FROM search_text AS t CROSS JOIN message AS m INDEXED BY message_by_content ON m.content_id = t.content_id
         WHERE t.content_id BETWEEN :from AND :to AND (${where}) AND m.mailbox_id = :mailbox`)
      .pluck();
  const inBody = inTexts('instr(t.body, :text) > 0');
  const inText = inTexts('instr(t.head, :text) > 0 OR instr(t.body, :text) > 0');
  const body = db.prepare<[number], Buffer>('SELECT body FROM search_text WHERE content_id = ?').pluck();
  const head = db.prepare<[number], Buffer>('SELECT head FROM search_text WHERE content_id = ?').pluck();
  const lastContent = db.prepare<[], number | null>('SELECT max(content_id) FROM search_field').pluck();
  const fieldSearch = (field: SearchField) =>
    db
      .prepare<{ mailbox: number; from: number; to: number; text: Buffer }, number>(`
        SELECT m.uid FROM search_field AS f CROSS JOIN message AS m INDEXED BY message_by_content ON m.content_id = f.content_id
         WHERE f.content_id BETWEEN :from AND :to AND instr(f.${columns[field]}, :text) > 0 AND m.mailbox_id = :mailbox`)
      .pluck();
  const inField = new Map(searchFields.map((field) => [field, fieldSearch(field)]));
  const ofMessage = (table: string) =>
    `FROM message AS m CROSS JOIN ${table} AS w ON w.content_id = m.content_id WHERE m.mailbox_id = :mailbox AND m.uid BETWEEN :uid AND :uid`;
  const fieldOf = new Map(
    searchFields.map((field) => [
      field,
      db
        .prepare<{ mailbox: number; uid: number; text: Buffer }, number | null>(
          `SELECT instr(w.${columns[field]}, :text) > 0 ${ofMessage('search_field')}`,
        )
        .pluck(),
    ]),
  );
  const textOf = db.prepare<{ mailbox: number; uid: number; text: Buffer }, { head: number; body: number; whole: number }>(
    `SELECT instr(w.head, :text) > 0 AS head, instr(w.body, :text) > 0 AS body, w.whole ${ofMessage('search_text')}`,
  );
  const headOf = db.prepare<{ mailbox: number; uid: number }, Buffer>(`SELECT w.head ${ofMessage('search_text')}`).pluck();

  return {
    /** Contents that were not tried yet, each with one message that has it, in order. */
    untried: (limit: number): PendingRecord[] => untried.all(limit),
    /** Contents that were tried in vain, after an id. */
    pending: (after: number, limit: number): PendingRecord[] => pending.all(after, limit),
    hasPending: (): boolean => untried.get(1) !== undefined || pending.get(0, 1) !== undefined,
    /** Contents up to here were tried. */
    mark: (): number => mark.get()!,
    setMark: (contentId: number) => setMark.run(contentId),
    exists: (contentId: number): boolean => exists.get(contentId) !== undefined,
    putOff: (contentId: number) => addPending.run(contentId),
    /** UIDs of a mailbox whose words are not here, because they could not be read. */
    inVain: (mailbox: number): number[] => inVain.all(mailbox),
    /** UIDs of a mailbox of contents between two ids. */
    uidsOfContents: (mailbox: number, from: number, to: number): number[] => uidsOfContents.all(from, to, mailbox),
    highestContent: (): number => highestContent.get() ?? 0,
    /** UIDs of a mailbox, after one, whose contents were not read yet. */
    unread: (mailbox: number, after: number, limit: number): number[] => unread.all(mailbox, after, limit),
    /** UIDs of a mailbox of whose body only the start is here. */
    cut: (mailbox: number): number[] => cut.all(mailbox),
    /** Inside a transaction. @returns false where another process was first */
    take: (contentId: number): boolean => takePending.run(contentId).changes === 1,
    put(contentId: number, fields: Readonly<Record<SearchField, Buffer | null>>, headText: Buffer, bodyText: Buffer, whole: boolean) {
      putField.run(contentId, ...searchFields.map((field) => fields[field]));
      putText.run(contentId, headText, bodyText, whole ? 1 : 0);
    },
    /** Adds signatures of `count` messages to the last block, or to a new one where that is full. */
    addSignatures(entries: readonly Buffer[], limit: number) {
      let at = 0;
      const last = lastBlock.get();
      if (last !== undefined && last.entries < limit) {
        at = Math.min(entries.length, limit - last.entries);
        setBlock.run(last.entries + at, Buffer.concat([last.signatures, ...entries.slice(0, at)]), last.id);
      }
      for (; at < entries.length; at += limit) {
        const some = entries.slice(at, at + limit);
        addBlock.run(some.length, Buffer.concat(some));
      }
    },
    /** Whether words of a content are here. */
    has: (contentId: number): boolean => has.get(contentId) !== undefined,
    setBlock(id: number, entries: number, signatures: Buffer) {
      if (entries === 0) removeBlock.run(id);
      else setBlock.run(entries, signatures, id);
    },
    /** The first block after an id. */
    block: (after: number) => block.get(after),
    /** A mailbox's UIDs of a content; copies share one. */
    uidsOf: (contentId: number, mailbox: number): number[] => uidOf.all(contentId, mailbox),
    head: (contentId: number): Buffer | undefined => head.get(contentId),
    body: (contentId: number): Buffer | undefined => body.get(contentId),
    /** UIDs whose body contains `text`, of contents between two ids. */
    inBody: (mailbox: number, from: number, to: number, text: Buffer): number[] => inBody.all({ mailbox, from, to, text }),
    /** UIDs whose header or body contains `text`, of contents between two ids. */
    inText: (mailbox: number, from: number, to: number, text: Buffer): number[] => inText.all({ mailbox, from, to, text }),
    lastContent: (): number => lastContent.get() ?? 0,
    /** UIDs whose field contains `text` (any, when empty), of contents between two ids. */
    inField: (field: SearchField, mailbox: number, from: number, to: number, text: Buffer): number[] =>
      inField.get(field)!.all({ mailbox, from, to, text }),
    /** Whether a message's field contains `text` (any, when empty); undefined where its words are not here. */
    fieldOf(field: SearchField, mailbox: number, uid: number, text: Buffer): boolean | undefined {
      const found = fieldOf.get(field)!.get({ mailbox, uid, text });
      return found === undefined ? undefined : found === 1;
    },
    /** Where in a message `text` is, and whether all of its body was looked at; undefined where its words are not here. */
    textOf: (mailbox: number, uid: number, text: Buffer) => textOf.get({ mailbox, uid, text }),
    headOf: (mailbox: number, uid: number): Buffer | undefined => headOf.get({ mailbox, uid }),
  };
}
