import type { Database } from '../../db/open.ts';
import type { Acl } from '../../mail/rights.ts';

/** Rows of table `acl`. Of ranges of one, see `messageTable`. */
export function aclTable(db: Database) {
  const of = db.prepare<[number, number], { identifier: string; rights: string }>(
    'SELECT identifier, rights FROM acl WHERE mailbox_id BETWEEN ? AND ? ORDER BY mailbox_id, identifier',
  );
  const all = db.prepare<[], string>('SELECT DISTINCT identifier FROM acl ORDER BY identifier').pluck();
  const set = db.prepare<[number, string, string]>(
    'INSERT INTO acl (mailbox_id, identifier, rights) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET rights = excluded.rights',
  );
  const remove = db.prepare<[number, string]>('DELETE FROM acl WHERE mailbox_id = ? AND identifier = ?');
  const removeAll = db.prepare<[number]>('DELETE FROM acl WHERE mailbox_id = ?');

  return {
    of: (mailbox: number): Acl => new Map(of.all(mailbox, mailbox).map(({ identifier, rights }) => [identifier, rights])),
    /** Every identifier of any mailbox. */
    identifiers: (): string[] => all.all(),
    set: (mailbox: number, identifier: string, rights: string) => set.run(mailbox, identifier, rights),
    remove: (mailbox: number, identifier: string) => remove.run(mailbox, identifier),
    removeAll: (mailbox: number) => removeAll.run(mailbox),
  };
}
