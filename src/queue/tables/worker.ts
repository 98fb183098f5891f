import type { Database } from '../../db/open.ts';

export interface WorkerRow {
  readonly id: string;
  readonly pid: number;
  /** When the process began, as the system counts it: a pid may be used again. */
  readonly started: string;
  /** Of the machine's run, milliseconds. */
  readonly until: number;
}

/** Rows of table `worker`. */
export function workerTable(db: Database) {
  const put = db.prepare<WorkerRow>(`
    INSERT INTO worker (id, pid, started, until) VALUES (:id, :pid, :started, :until)
    ON CONFLICT (id) DO UPDATE SET until = excluded.until`);
  const has = db.prepare<[string], number>('SELECT 1 FROM worker WHERE id = ?').pluck();
  const remove = db.prepare<[string]>('DELETE FROM worker WHERE id = ?');
  const others = db.prepare<[string], WorkerRow>('SELECT * FROM worker WHERE id <> ?');
  return {
    put: (row: WorkerRow): void => void put.run(row),
    has: (id: string): boolean => has.get(id) === 1,
    remove: (id: string): void => void remove.run(id),
    others: (id: string) => others.all(id),
  };
}
