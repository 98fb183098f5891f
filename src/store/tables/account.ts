import type { Database } from '../../db/open.ts';

export interface AccountRow {
  readonly bootId: string;
  readonly ready: number;
  /** Highest drawn, but for those in rows of mailboxes. */
  readonly modseq: number;
  readonly listModseq: number;
  readonly uidValidity: number;
  readonly rootStamp: string;
  /** 0: mailboxes for the special uses are still to be made. */
  readonly founded: number;
}

/** The one row of table `account`, and table `subscription`. */
export function accountTable(db: Database) {
  const get = db.prepare<[], AccountRow>(`
    SELECT boot_id AS bootId, ready, modseq, list_modseq AS listModseq, uid_validity AS uidValidity, root_stamp AS rootStamp, founded
      FROM account WHERE id = 1`);
  const usage = db.prepare<[], { messages: number; bytes: number }>(
    'SELECT ifnull(sum(messages), 0) AS messages, ifnull(sum(bytes), 0) AS bytes FROM mailbox',
  );
  const highest = db
    .prepare<[], number>('SELECT max(modseq, (SELECT ifnull(max(modseq), 0) FROM mailbox)) FROM account WHERE id = 1')
    .pluck();
  const setFounded = db.prepare<[number]>('UPDATE account SET founded = ? WHERE id = 1');
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
    usage: (): { readonly messages: number; readonly bytes: number } => usage.get()!,
    highestModseq: (): number => highest.get()!,
    setFounded: (founded: boolean) => setFounded.run(founded ? 1 : 0),
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
