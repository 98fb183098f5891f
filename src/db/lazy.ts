import type { Database, Statement } from 'better-sqlite3';

const calls = ['run', 'get', 'all', 'iterate'] as const;

/**
 * A database whose statements are prepared at their first use: a connection that is opened for one question does not pay for the
 * others. For tables only: `prepare`, then `pluck`, `raw`, `run`, `get`, `all`, `iterate`.
 */
export function lazily(db: Database): Database {
  const prepare = (sql: string): unknown => {
    const modes: ('pluck' | 'raw')[] = [];
    const lazy: Record<string, unknown> = {};
    for (const mode of ['pluck', 'raw'] as const) {
      lazy[mode] = () => {
        modes.push(mode);
        return lazy;
      };
    }
    const made = (): Statement => {
      const statement = db.prepare(sql);
      for (const mode of modes) statement[mode]();
      for (const call of calls) lazy[call] = statement[call].bind(statement);
      return statement;
    };
    for (const call of calls) lazy[call] = (...values: unknown[]) => (made()[call] as (...values: unknown[]) => unknown)(...values);
    return lazy;
  };
  return { prepare } as unknown as Database;
}
