import type { Database } from '../../db/open.ts';

/** Rows of table `kept_view`. */
export function keptViewTable(db: Database) {
  const get = db.prepare<[number], { modseq: number; octets: Buffer }>('SELECT modseq, octets FROM kept_view WHERE mailbox_id = ?');
  const modseq = db.prepare<[number], number>('SELECT modseq FROM kept_view WHERE mailbox_id = ?').pluck();
  const put = db.prepare<[number, number, Uint8Array]>('INSERT OR REPLACE INTO kept_view (mailbox_id, modseq, octets) VALUES (?, ?, ?)');
  const remove = db.prepare<[number]>('DELETE FROM kept_view WHERE mailbox_id = ?');

  return {
    get: (mailbox: number): { readonly modseq: number; readonly octets: Buffer } | undefined => get.get(mailbox),
    modseq: (mailbox: number): number | undefined => modseq.get(mailbox),
    put: (mailbox: number, at: number, octets: Uint8Array) => put.run(mailbox, at, octets),
    remove: (mailbox: number) => remove.run(mailbox),
  };
}
