import type { Database, Statement } from 'better-sqlite3';

type Values = unknown[];

/** A statement that is prepared at its first use. An object of its own for each would-be statement must be small: they are many. */
class LazyStatement {
  readonly #db: Database;
  readonly #sql: string;
  #pluck = false;
  #raw = false;
  #made: Statement<Values> | null = null;

  constructor(db: Database, sql: string) {
    this.#db = db;
    this.#sql = sql;
  }

  protected get statement(): Statement<Values> {
    if (this.#made === null) {
      const made = this.#db.prepare<Values>(this.#sql);
      if (this.#pluck) made.pluck();
      if (this.#raw) made.raw();
      this.#made = made;
    }
    return this.#made;
  }

  pluck(): this {
    this.#pluck = true;
    return this;
  }

  raw(): this {
    this.#raw = true;
    return this;
  }

  run(...values: Values): unknown {
    return this.statement.run(...values);
  }

  get(...values: Values): unknown {
    return this.statement.get(...values);
  }

  all(...values: Values): unknown[] {
    return this.statement.all(...values);
  }

  iterate(...values: Values): IterableIterator<unknown> {
    return this.statement.iterate(...values);
  }
}

/** One whose errors are made into others. */
class GuardedStatement extends LazyStatement {
  readonly #failed: (error: unknown) => unknown;

  constructor(db: Database, sql: string, failed: (error: unknown) => unknown) {
    super(db, sql);
    this.#failed = failed;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  override run(...values: Values): unknown {
    return this.#guard(() => this.statement.run(...values));
  }

  override get(...values: Values): unknown {
    return this.#guard(() => this.statement.get(...values));
  }

  override all(...values: Values): unknown[] {
    return this.#guard(() => this.statement.all(...values));
  }

  override iterate(...values: Values): IterableIterator<unknown> {
    return this.#guard(() => this.statement.iterate(...values));
  }
}

/**
 * A database whose statements are prepared at their first use: a connection that is opened for one question does not pay for the
 * others. For tables only: `prepare`, then `pluck`, `raw`, `run`, `get`, `all`, `iterate`.
 *
 * @param failed makes of an error what is thrown
 */
export function lazily(db: Database, failed?: (error: unknown) => unknown): Database {
  const prepare = (sql: string): LazyStatement =>
    failed === undefined ? new LazyStatement(db, sql) : new GuardedStatement(db, sql, failed);
  return { prepare } as unknown as Database;
}
