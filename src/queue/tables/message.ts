import type { Database } from '../../db/open.ts';
import type { Envelope } from '../../mail/envelope.ts';
import type { QueueId } from '../queue.ts';

export interface MessageRow {
  readonly id: QueueId;
  readonly created: number;
  readonly reverse_local: string | null;
  readonly reverse_domain: string | null;
  readonly body: Envelope['body'];
  readonly smtputf8: number;
  readonly require_tls: number;
  readonly ret: 'full' | 'hdrs' | null;
  readonly envid: string | null;
  readonly sender: string | null;
  readonly size: number;
}

/** Rows of table `message`. */
export function messageTable(db: Database) {
  const insert = db.prepare<MessageRow>(`
    INSERT INTO message (id, created, reverse_local, reverse_domain, body, smtputf8, require_tls, ret, envid, sender, size)
    VALUES (:id, :created, :reverse_local, :reverse_domain, :body, :smtputf8, :require_tls, :ret, :envid, :sender, :size)`);
  const get = db.prepare<[string], MessageRow>('SELECT * FROM message WHERE id = ?');
  const remove = db.prepare<[string]>('DELETE FROM message WHERE id = ?');
  const list = db.prepare<[string, number], MessageRow>('SELECT * FROM message WHERE id > ? ORDER BY id LIMIT ?');
  const count = db.prepare<[], { messages: number; octets: number }>(
    'SELECT count(*) AS messages, coalesce(sum(size), 0) AS octets FROM message',
  );
  return {
    insert: (row: MessageRow): void => void insert.run(row),
    get: (id: string) => get.get(id),
    remove: (id: string): void => void remove.run(id),
    /** By id, after `after`. */
    list: (after: string, limit: number) => list.all(after, limit),
    count: () => count.get()!,
  };
}

export function envelopeOf(row: MessageRow): Omit<Envelope, 'forwardPaths'> {
  return {
    reversePath: row.reverse_local === null ? null : { localPart: row.reverse_local, domain: row.reverse_domain ?? '' },
    body: row.body,
    smtputf8: row.smtputf8 === 1,
    requireTls: row.require_tls === 1,
    ...(row.ret !== null && { ret: row.ret }),
    ...(row.envid !== null && { envid: row.envid }),
  };
}
