import type { Database, Statement } from 'better-sqlite3';

const calls = ['run', 'get', 'all', 'iterate'] as const;

const guarded =
  (call: (...values: unknown[]) => unknown, failed: (error: unknown) => unknown) =>
  (...values: unknown[]): unknown => {
    try {
      return call(...values);
    } catch (error) {
      throw failed(error);
    }
  };

/**
 * A database whose statements are prepared at their first use: a connection that is opened for one question does not pay for the
 * others. For tables only: `prepare`, then `pluck`, `raw`, `run`, `get`, `all`, `iterate`.
 *
 * @param failed makes of an error what is thrown
 */
export function lazily(db: Database, failed?: (error: unknown) => unknown): Database {
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
      for (const call of calls) {
        const bound = statement[call].bind(statement) as (...values: unknown[]) => unknown;
        lazy[call] = failed === undefined ? bound : guarded(bound, failed);
      }
      return statement;
    };
    for (const call of calls) {
      lazy[call] = (...values: unknown[]) => {
        try {
          made();
        } catch (error) {
          throw failed === undefined ? error : failed(error);
        }
        return (lazy[call] as (...values: unknown[]) => unknown)(...values);
      };
    }
    return lazy;
  };
  return { prepare } as unknown as Database;
}
