import type { Database } from '../../db/open.ts';
import type { MessageFacts } from '../../mail/mime/part.ts';

export interface ContentRecord {
  readonly sortKeys?: string;
  readonly envelope?: Buffer;
  readonly preview?: string;
  readonly bodyStructure?: Buffer;
  readonly body?: Buffer;
  readonly structure?: string;
}

const names = {
  sortKeys: 'sort_keys',
  envelope: 'envelope',
  preview: 'preview',
  bodyStructure: 'body_structure',
  body: 'body',
  structure: 'structure',
} as const;

export type ContentColumn = keyof typeof names;

/** Longest header kept in a row, octets. */
export const longestHeader = 65_536;

/** Rows of tables `content` and `header`. */
export function contentTable(db: Database) {
  // An id that the search index has passed is never given again.
  const insert = db.prepare<[string, Buffer, string, Buffer, Buffer, string]>(`
    INSERT INTO content (id, sort_keys, envelope, preview, body_structure, body, structure)
    SELECT max(words, (SELECT ifnull(max(id), 0) FROM content)) + 1, ?, ?, ?, ?, ?, ? FROM account`);
  const insertHeader = db.prepare<[number, Uint8Array]>('INSERT INTO header (content_id, bytes) VALUES (?, ?)');
  const header = db.prepare<[number], Buffer>('SELECT bytes FROM header WHERE content_id = ?').pluck();
  const remove = db.prepare<[number]>(
    'DELETE FROM content WHERE id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE content_id = content.id)',
  );
  const removeHeader = db.prepare<[number]>(
    'DELETE FROM header WHERE content_id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE message.content_id = header.content_id)',
  );
  const only =
    '(SELECT content_id FROM message WHERE mailbox_id = ?) AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox_id <> ? AND content_id =';
  const removeHeadersOf = db.prepare<[number, number]>(`DELETE FROM header WHERE content_id IN ${only} header.content_id)`);
  const removeOf = db.prepare<[number, number]>(`DELETE FROM content WHERE id IN ${only} content.id)`);
  const select = new Map<string, (id: number) => ContentRecord | undefined>();

  return {
    /** @param header null where it is too long to keep */
    insert(facts: MessageFacts, headerBytes: Uint8Array | null): number {
      const id = Number(
        insert.run(
          JSON.stringify(facts.sortKeys),
          Buffer.from(facts.envelope, 'latin1'),
          facts.preview,
          Buffer.from(facts.bodyStructure, 'latin1'),
          Buffer.from(facts.body, 'latin1'),
          JSON.stringify(facts.root),
        ).lastInsertRowid,
      );
      if (headerBytes !== null) insertHeader.run(id, headerBytes);
      return id;
    },
    /** A reader of just these columns. */
    reader(columns: readonly ContentColumn[]): (id: number) => ContentRecord | undefined {
      const key = columns.join();
      let found = select.get(key);
      if (found === undefined) {
        const statement = db.prepare<[number], ContentRecord>(
          `SELECT ${columns.map((column) => `${names[column]} AS ${column}`).join(', ')} FROM content WHERE id = ?`,
        );
        found = (id) => statement.get(id);
        select.set(key, found);
      }
      return found;
    },
    header: (id: number): Buffer | null => header.get(id) ?? null,
    /** Drops what no message uses any more. */
    remove(id: number) {
      removeHeader.run(id);
      remove.run(id);
    },
    /** Drops what only one mailbox uses, before its messages go. */
    removeOf(mailbox: number) {
      removeHeadersOf.run(mailbox, mailbox);
      removeOf.run(mailbox, mailbox);
    },
  };
}
