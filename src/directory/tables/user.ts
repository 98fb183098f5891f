import type { Database } from '../../db/open.ts';

export interface UserRow {
  readonly id: number;
  readonly email: string;
  readonly password: string;
  readonly enabled: number;
  /** As stored; see `quotaOctets`. */
  readonly quota: number | string | Uint8Array | null;
  readonly home: string | null;
}

const columns = 'id, email, password, enabled, quota, home';

/** Rows of table `virtual_users`. */
export function userTable(db: Database) {
  const find = db.prepare<[string], UserRow>(`SELECT ${columns} FROM virtual_users WHERE email = ?`);
  const list = db.prepare<[], UserRow>(`SELECT ${columns} FROM virtual_users ORDER BY email`);
  const countIn = db.prepare<[string], number>("SELECT count(*) FROM virtual_users WHERE email LIKE '%@' || ? ESCAPE '\\'").pluck();
  const insert = db.prepare<[number | undefined, string, string, number | null]>(
    'INSERT INTO virtual_users (domain_id, email, password, quota) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const remove = db.prepare<[string]>('DELETE FROM virtual_users WHERE email = ?');
  const removeIn = db.prepare<[string]>("DELETE FROM virtual_users WHERE email LIKE '%@' || ? ESCAPE '\\'");
  const enable = db.prepare<[number, string]>('UPDATE virtual_users SET enabled = ? WHERE email = ?');
  const setPassword = db.prepare<[string, string]>('UPDATE virtual_users SET password = ? WHERE email = ?');
  const setQuota = db.prepare<[number | null, string]>('UPDATE virtual_users SET quota = ? WHERE email = ?');
  const literal = (name: string): string => name.replace(/[\\%_]/g, '\\$&');

  return {
    find: (email: string): UserRow | undefined => find.get(email),
    list: (): UserRow[] => list.all(),
    countIn: (domain: string): number => countIn.get(literal(domain))!,
    /** @returns false where the address is taken */
    insert: (domainId: number | undefined, email: string, password: string, quota: number | null): boolean =>
      insert.run(domainId, email, password, quota).changes === 1,
    remove: (email: string): boolean => remove.run(email).changes === 1,
    removeIn: (domain: string): number => removeIn.run(literal(domain)).changes,
    setEnabled: (email: string, enabled: boolean): boolean => enable.run(enabled ? 1 : 0, email).changes === 1,
    setPassword: (email: string, password: string): boolean => setPassword.run(password, email).changes === 1,
    setQuota: (email: string, quota: number | null): boolean => setQuota.run(quota, email).changes === 1,
  };
}
