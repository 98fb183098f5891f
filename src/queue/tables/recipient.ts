import type { Database } from '../../db/open.ts';
import type { DsnNotify } from '../../mail/envelope.ts';
import type { QueueId } from '../queue.ts';
import type { QueuedRecipient } from '../transport.ts';

/** RFC 3464 2.3.3 */
export type Notice = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface RecipientRow {
  readonly id: number;
  readonly message_id: QueueId;
  readonly job_id: number;
  readonly local_part: string;
  readonly domain: string;
  readonly original: string;
  readonly orcpt: string | null;
  readonly notify: string | null;
  readonly state: 'queued' | 'delivered' | 'failed';
  readonly reply: string | null;
  readonly relay: string | null;
  readonly notice: Notice | null;
}

/** Rows of table `recipient`. */
export function recipientTable(db: Database) {
  const insert = db.prepare<Omit<RecipientRow, 'id' | 'state' | 'reply' | 'relay' | 'notice'>>(`
    INSERT INTO recipient (message_id, job_id, local_part, domain, original, orcpt, notify)
    VALUES (:message_id, :job_id, :local_part, :domain, :original, :orcpt, :notify)`);
  const get = db.prepare<[number], RecipientRow>('SELECT * FROM recipient WHERE id = ?');
  const queuedOf = db.prepare<[number], RecipientRow>(`SELECT * FROM recipient WHERE job_id = ? AND state = 'queued' ORDER BY id`);
  const anyQueued = db.prepare<[number], number>(`SELECT EXISTS (SELECT 1 FROM recipient WHERE job_id = ? AND state = 'queued')`).pluck();
  const hasNotice = db
    .prepare<[string], number>('SELECT EXISTS (SELECT 1 FROM recipient WHERE message_id = ? AND notice IS NOT NULL)')
    .pluck();
  const byMessage = db.prepare<[string], RecipientRow>('SELECT * FROM recipient WHERE message_id = ? ORDER BY id');
  const update = db.prepare<{ id: number; state: string; reply: string | null; relay: string | null; notice: string | null }>(`
    UPDATE recipient SET state = :state, reply = :reply, relay = :relay, notice = coalesce(:notice, notice)
     WHERE id = :id AND state = 'queued'`);
  const setNotice = db.prepare<[string, number]>('UPDATE recipient SET notice = ? WHERE id = ?');
  const notices = db.prepare<[string], RecipientRow>('SELECT * FROM recipient WHERE message_id = ? AND notice IS NOT NULL ORDER BY id');
  const clearNotice = db.prepare<[number, string]>('UPDATE recipient SET notice = NULL WHERE id = ? AND notice = ?');
  const noticeDue = db
    .prepare<[string, number], string>(`
    SELECT DISTINCT message_id FROM recipient WHERE notice IS NOT NULL AND message_id > ? ORDER BY message_id LIMIT ?`)
    .pluck();
  const remove = db.prepare<[string]>('DELETE FROM recipient WHERE message_id = ?');
  const removeOne = db.prepare<[number]>('DELETE FROM recipient WHERE id = ?');
  const find = db
    .prepare<[string, string], QueueId>(`
    SELECT DISTINCT message_id FROM recipient WHERE local_part = ? COLLATE NOCASE AND domain = ? LIMIT 1000`)
    .pluck();
  return {
    /** @returns its id */
    insert: (row: Omit<RecipientRow, 'id' | 'state' | 'reply' | 'relay' | 'notice'>): number => Number(insert.run(row).lastInsertRowid),
    get: (id: number) => get.get(id),
    queuedOf: (job: number) => queuedOf.all(job),
    anyQueued: (job: number): boolean => anyQueued.get(job) === 1,
    hasNotice: (id: string): boolean => hasNotice.get(id) === 1,
    byMessage: (id: string) => byMessage.all(id),
    /** Only while it is queued: what is settled stays. */
    update: (row: { id: number; state: RecipientRow['state']; reply: string | null; relay: string | null; notice: Notice | null }): void =>
      void update.run(row),
    setNotice: (id: number, notice: Notice): void => void setNotice.run(notice, id),
    notices: (message: string) => notices.all(message),
    clearNotice: (id: number, notice: Notice): boolean => clearNotice.run(id, notice).changes === 1,
    noticeDue: (after: string, limit: number) => noticeDue.all(after, limit) as QueueId[],
    remove: (message: string): void => void remove.run(message),
    removeOne: (id: number): void => void removeOne.run(id),
    /** Messages queued for an address; walks the table. */
    find: (localPart: string, domain: string) => find.all(localPart, domain),
  };
}

const notifyText = (notify: DsnNotify | undefined): string | null =>
  notify === undefined ? null : notify === 'never' ? 'never' : notify.join(',');

const notifyOf = (text: string): DsnNotify => (text === 'never' ? 'never' : (text.split(',') as ('success' | 'failure' | 'delay')[]));

export function recipientOf(row: Pick<RecipientRow, 'id' | 'local_part' | 'domain' | 'original' | 'orcpt' | 'notify'>): QueuedRecipient {
  return {
    id: row.id,
    address: { localPart: row.local_part, domain: row.domain },
    original: row.original,
    ...(row.orcpt !== null && { orcpt: row.orcpt }),
    ...(row.notify !== null && { notify: notifyOf(row.notify) }),
  };
}

export { notifyText };
