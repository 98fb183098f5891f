import type { Database } from '../../db/open.ts';
import type { QueueId } from '../queue.ts';
import type { TransportName } from '../transport.ts';

export const ready = 0;
export const waiting = 1;
export const leased = 2;
export const held = 3;

export interface JobRow {
  readonly id: number;
  readonly message_id: QueueId;
  readonly transport: TransportName;
  readonly destination: string;
  readonly sender: string;
  readonly state: 0 | 1 | 2 | 3;
  readonly rank: number;
  readonly due: number;
  readonly expires: number;
  readonly warn_at: number | null;
  readonly attempts: number;
  readonly lease_owner: string | null;
  readonly lease_token: number;
}

type NewJob = Pick<JobRow, 'message_id' | 'transport' | 'destination' | 'sender' | 'state' | 'due' | 'expires' | 'warn_at'> & {
  readonly cost: number;
};

/** What a job's turn is reckoned from: the front of its destination's line, and its sender's last place in it. */
const turn = (destination: string, sender: string): string => `
  max(coalesce((SELECT min(rank) FROM job WHERE state = 0 AND destination = ${destination}), 0),
      coalesce((SELECT max(rank) FROM job WHERE state = 0 AND destination = ${destination} AND sender = ${sender}), 0))`;

/**
 * Rows of table `job`. `rank` is self-clocked fair queueing: a sender with a thousand jobs waits behind its own, and another
 * sender's first one comes near the front.
 */
export function jobTable(db: Database) {
  const insert = db.prepare<NewJob>(`
    INSERT INTO job (message_id, transport, destination, sender, state, rank, due, expires, warn_at)
    VALUES (:message_id, :transport, :destination, :sender, :state, :cost + ${turn(':destination', ':sender')}, :due, :expires, :warn_at)`);
  const insertLeased = db.prepare<NewJob & { owner: string }>(`
    INSERT INTO job (message_id, transport, destination, sender, state, rank, due, expires, warn_at, lease_owner, lease_token)
    VALUES (:message_id, :transport, :destination, :sender, 2, 0, :due, :expires, :warn_at, :owner, 1)`);
  const readyAt = db.prepare<[string], number>('SELECT EXISTS (SELECT 1 FROM job WHERE state = 0 AND destination = ?)').pluck();
  const get = db.prepare<[number], JobRow>('SELECT * FROM job WHERE id = ?');
  const byMessage = db.prepare<[string], JobRow>('SELECT * FROM job WHERE message_id = ?');
  const any = db.prepare<[string], number>('SELECT EXISTS (SELECT 1 FROM job WHERE message_id = ?)').pluck();
  const remove = db.prepare<[number]>('DELETE FROM job WHERE id = ?');
  const nextDestination = db
    .prepare<[string], string | null>('SELECT min(destination) FROM job WHERE state = 0 AND destination > ?')
    .pluck();
  const front = db.prepare<[string, number], JobRow>(`
    SELECT * FROM job WHERE state = 0 AND destination = ? ORDER BY rank LIMIT ?`);
  const lease = db.prepare<{ id: number; owner: string }, { lease_token: number }>(`
    UPDATE job SET state = 2, lease_owner = :owner, lease_token = lease_token + 1
     WHERE id = :id AND state = 0
    RETURNING lease_token`);
  const settle = db.prepare<{ id: number; token: number; attempts: number; due: number; state: number }>(`
    UPDATE job SET state = :state, due = :due, attempts = :attempts, lease_owner = NULL
     WHERE id = :id AND state = 2 AND lease_token = :token`);
  const due = db.prepare<[number, number], { id: number; destination: string; sender: string }>(`
    SELECT id, destination, sender FROM job WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?`);
  const promote = db.prepare<{ id: number; destination: string; sender: string }>(`
    UPDATE job SET state = 0, rank = 1 + ${turn(':destination', ':sender')} WHERE id = :id`);
  const bringForward = db.prepare<[number, number]>('UPDATE job SET due = ? WHERE state = 1 AND due > ?');
  const nextDue = db.prepare<[], number | null>('SELECT min(due) FROM job WHERE state = 1').pluck();
  const expired = db.prepare<[number, number], JobRow>('SELECT * FROM job WHERE state IN (0, 1) AND expires <= ? LIMIT ?');
  const late = db.prepare<[number, number], JobRow>('SELECT * FROM job WHERE warn_at <= ? ORDER BY warn_at LIMIT ?');
  const warned = db.prepare<[number]>('UPDATE job SET warn_at = NULL WHERE id = ?');
  const leasedBy = db.prepare<[string], JobRow>('SELECT * FROM job WHERE state = 2 AND lease_owner = ?');
  const owners = db.prepare<[], string>('SELECT DISTINCT lease_owner FROM job WHERE state = 2').pluck();
  const unlease = db.prepare<[string]>('UPDATE job SET state = 0, lease_owner = NULL WHERE state = 2 AND lease_owner = ?');
  const hold = db.prepare<[string]>('UPDATE job SET state = 3 WHERE message_id = ? AND state IN (0, 1)');
  const release = db.prepare<[string]>('UPDATE job SET state = 1, due = 0 WHERE message_id = ? AND state = 3');
  const flush = db.prepare<[string]>('UPDATE job SET due = 0 WHERE message_id = ? AND state = 1');
  // What was never tried waits because its sender wants it so. RFC 4865
  const flushAll = db.prepare('UPDATE job SET due = 0 WHERE state = 1 AND attempts > 0');
  const flushDestination = db.prepare<[string]>('UPDATE job SET due = 0 WHERE state = 1 AND attempts > 0 AND destination = ?');
  const active = db.prepare<[string], number>('SELECT count(*) FROM job WHERE message_id = ? AND state IN (0, 2)').pluck();
  const counts = db.prepare<[], { state: number; jobs: number }>('SELECT state, count(*) AS jobs FROM job GROUP BY state');
  // Each counts in an index of its state alone.
  const lengths = db.prepare<[], { ready: number; waiting: number; leased: number }>(`
    SELECT (SELECT count(*) FROM job WHERE state = 0) AS ready,
           (SELECT count(*) FROM job WHERE state = 1) AS waiting,
           (SELECT count(*) FROM job WHERE state = 2) AS leased`);
  const byDestination = db.prepare<[number], { transport: string; destination: string; jobs: number; oldest: number }>(`
    SELECT transport, destination, count(*) AS jobs, min(message.created) AS oldest
      FROM job JOIN message ON message.id = message_id GROUP BY transport, destination ORDER BY jobs DESC LIMIT ?`);
  return {
    /** @returns its id */
    insert: (row: NewJob): number => Number(insert.run(row).lastInsertRowid),
    /** A job that is begun at once, with fencing token 1. @returns its id */
    insertLeased: (row: NewJob, owner: string): number => Number(insertLeased.run({ ...row, owner }).lastInsertRowid),
    /** Whether others wait at a destination already. */
    readyAt: (destination: string): boolean => readyAt.get(destination) === 1,
    get: (id: number) => get.get(id),
    byMessage: (id: string) => byMessage.all(id),
    any: (id: string): boolean => any.get(id) === 1,
    remove: (id: number): void => void remove.run(id),
    /** The first destination after `after` with something ready: one seek, however many jobs there are. */
    nextDestination: (after: string): string | null => nextDestination.get(after) ?? null,
    front: (destination: string, limit: number) => front.all(destination, limit),
    /** @returns the fencing token */
    lease: (id: number, owner: string): number | null => lease.get({ id, owner })?.lease_token ?? null,
    /** @returns false when the lease was lost */
    settle: (id: number, token: number, attempts: number, at: number, state: number): boolean =>
      settle.run({ id, token, attempts, due: at, state }).changes === 1,
    /** Waiting jobs whose time has come get their place in line, `limit` at a time. @returns how many */
    promote(now: number, limit: number): number {
      const rows = due.all(now, limit);
      for (const row of rows) promote.run(row);
      return rows.length;
    },
    /** Jobs that would wait until after `latest`. */
    bringForward: (to: number, latest: number): void => void bringForward.run(to, latest),
    nextDue: (): number | null => nextDue.get() ?? null,
    expired: (now: number, limit: number) => expired.all(now, limit),
    late: (now: number, limit: number) => late.all(now, limit),
    warned: (id: number): void => void warned.run(id),
    leasedBy: (owner: string) => leasedBy.all(owner),
    /** Who holds leases. */
    owners: () => owners.all(),
    unlease: (owner: string): number => unlease.run(owner).changes,
    hold: (id: string): number => hold.run(id).changes,
    release: (id: string): number => release.run(id).changes,
    flush: (id: string): number => flush.run(id).changes,
    flushAll: (): number => flushAll.run().changes,
    flushDestination: (destination: string): number => flushDestination.run(destination).changes,
    /** Jobs of a message that are ready or being tried. */
    active: (id: string): number => active.get(id) ?? 0,
    counts: () => counts.all(),
    lengths: () => lengths.get()!,
    byDestination: (limit: number) => byDestination.all(limit),
  };
}
