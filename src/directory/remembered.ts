import type { Database } from '../db/open.ts';
import { dataVersion } from '../db/transaction.ts';

/** Answers of look-ups, true as long as nobody has committed a change: asked of SQLite at each `check`, for less than a query costs. */
export class Remembered {
  readonly #db: Database;
  readonly #size: number;
  readonly #maps: Map<string, unknown>[] = [];
  #version: number | undefined;

  /** @param size entries for each kind of question; the oldest go first */
  constructor(db: Database, size = 10_000) {
    this.#db = db;
    this.#size = size;
  }

  /** Call before each look-up from outside. */
  check(): void {
    const version = dataVersion(this.#db);
    if (version === this.#version) return;
    this.#version = version;
    this.clear();
  }

  /** After a change by our own connection, which `data_version` does not tell. */
  clear(): void {
    for (const map of this.#maps) map.clear();
  }

  /** `question`, asked once for each key. What it returns is shared: it must not be changed. */
  keep<T>(question: (key: string) => T): (key: string) => T {
    const answers = new Map<string, T>();
    this.#maps.push(answers);
    return (key) => {
      const known = answers.get(key);
      if (known !== undefined) return known;
      const answer = question(key);
      if (answers.size >= this.#size) answers.delete(answers.keys().next().value!);
      answers.set(key, answer);
      return answer;
    };
  }
}
