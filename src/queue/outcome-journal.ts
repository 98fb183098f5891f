import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Notice } from './tables/recipient.ts';

/** One recipient's fate, before the database knows it. */
export interface OutcomeRecord {
  readonly job: number;
  readonly token: number;
  readonly recipient: number;
  readonly result: 'delivered' | 'deferred' | 'failed';
  readonly reply: string;
  readonly relay: string | null;
  readonly notice: Notice | null;
}

const rotateAt = 1 << 20;

interface Generation {
  readonly path: string;
  readonly fd: number;
  size: number;
  /** Jobs with records here whose outcome is not committed yet. */
  open: number;
}

/**
 * Records what next hops answered at the moment they answer, by one write to a file that is not synced. When the process is
 * killed, what it had delivered is known to who takes its work over: between a reply's arrival and its record lies no more
 * than this one call. (After a power cut the records may be missing; RFC 5321 4.5.3.2.6 allows the duplicate.)
 */
export class OutcomeJournal {
  readonly #dir: string;
  readonly #owner: string;
  #current: Generation;
  #count = 0;
  readonly #jobs = new Map<number, Set<Generation>>();

  constructor(dir: string, owner: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#dir = dir;
    this.#owner = owner;
    this.#current = this.#generation();
  }

  record(record: OutcomeRecord): void {
    if (this.#current.size > rotateAt) {
      const last = this.#current;
      this.#current = this.#generation();
      this.#drop(last);
    }
    const at = this.#current;
    const seen = this.#jobs.get(record.job) ?? new Set();
    if (!seen.has(at)) {
      seen.add(at);
      at.open++;
      this.#jobs.set(record.job, seen);
    }
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    at.size += writeSync(at.fd, line);
  }

  /** The job's outcome is in the database. */
  committed(job: number): void {
    for (const generation of this.#jobs.get(job) ?? []) {
      generation.open--;
      if (generation !== this.#current) this.#drop(generation);
    }
    this.#jobs.delete(job);
  }

  close(): void {
    closeSync(this.#current.fd);
    if (this.#jobs.size === 0) rmSync(this.#current.path, { force: true });
  }

  #generation(): Generation {
    const path = join(this.#dir, `${this.#owner}.${++this.#count}`);
    return { path, fd: openSync(path, 'a', 0o600), size: 0, open: 0 };
  }

  #drop(generation: Generation): void {
    if (generation.open > 0) return;
    closeSync(generation.fd);
    rmSync(generation.path, { force: true });
  }
}

/** What a worker that is gone had recorded, in order; a line cut short is no record. */
export function readJournal(dir: string, owner: string): OutcomeRecord[] {
  return journalFiles(dir, owner).flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as OutcomeRecord];
        } catch {
          return [];
        }
      }),
  );
}

export function removeJournal(dir: string, owner: string): void {
  for (const path of journalFiles(dir, owner)) rmSync(path, { force: true });
}

/** Workers that have journals. */
export function journalOwners(dir: string): string[] {
  try {
    return [...new Set(readdirSync(dir).map((name) => name.replace(/\.\d+$/, '')))];
  } catch {
    return [];
  }
}

function journalFiles(dir: string, owner: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  const generation = (name: string): number => Number(name.slice(owner.length + 1));
  return names
    .filter((name) => name.startsWith(`${owner}.`))
    .sort((a, b) => generation(a) - generation(b))
    .map((name) => join(dir, name));
}
