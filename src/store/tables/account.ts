import type { Database } from '../../db/open.ts';

export interface AccountRow {
  readonly bootId: string;
  readonly ready: number;
  readonly modseq: number;
  readonly listModseq: number;
  readonly uidValidity: number;
  readonly messages: number;
  readonly bytes: number;
  readonly rootStamp: string;
}

/** The one row of table `account`, and table `subscription`. */
export function accountTable(db: Database) {
  const get = db.prepare<[], AccountRow>(`
    SELECT boot_id AS bootId, ready, modseq, list_modseq AS listModseq, uid_validity AS uidValidity, messages, bytes, root_stamp AS rootStamp
      FROM account WHERE id = 1`);
  const setModseq = db.prepare<[number]>('UPDATE account SET modseq = ? WHERE id = 1');
  const setList = db.prepare<[number, number]>('UPDATE account SET list_modseq = ?, modseq = ? WHERE id = 1');
  const setUidValidity = db.prepare<[number]>('UPDATE account SET uid_validity = ? WHERE id = 1');
  const setReady = db.prepare<[number, string]>('UPDATE account SET ready = ?, boot_id = ? WHERE id = 1');
  const setRootStamp = db.prepare<[string]>('UPDATE account SET root_stamp = ? WHERE id = 1');
  const subscribe = db.prepare<[string]>('INSERT OR IGNORE INTO subscription (name) VALUES (?)');
  const unsubscribe = db.prepare<[string]>('DELETE FROM subscription WHERE name = ?');
  const subscriptions = db.prepare<[], string>('SELECT name FROM subscription ORDER BY name').pluck();
  const savepoint = db.prepare('SAVEPOINT operation');
  const release = db.prepare('RELEASE operation');
  const rollback = db.prepare('ROLLBACK TO operation');

  return {
    get: (): AccountRow => get.get()!,
    setModseq: (modseq: number) => setModseq.run(modseq),
    setList: (modseq: number) => setList.run(modseq, modseq),
    setUidValidity: (value: number) => setUidValidity.run(value),
    setReady: (ready: boolean, bootId: string) => setReady.run(ready ? 1 : 0, bootId),
    setRootStamp: (stamp: string) => setRootStamp.run(stamp),
    subscribe: (name: string, subscribed: boolean): boolean => (subscribed ? subscribe : unsubscribe).run(name).changes > 0,
    subscriptions: (): string[] => subscriptions.all(),
    savepoint: () => savepoint.run(),
    release: () => release.run(),
    /** Undoes what came after `savepoint`; that is gone afterwards. */
    rollback() {
      rollback.run();
      release.run();
    },
  };
}
