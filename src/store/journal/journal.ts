import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Log } from '../../base/log.ts';
import { type FileLock, tryLock } from '../../db/file-lock.ts';
import { syncable, syncFilesystems } from './filesystem.ts';
import type { RecordPlace } from './record.ts';
import { isOtherBoot, lockOf, placesOf, rewriteAll } from './replay.ts';
import { Batch, readSegment, Segment, segmentSuffix } from './segment.ts';

export interface JournalSettings {
  /** Of this thread alone. */
  readonly dir: string;
  /** Octets of a segment. */
  readonly segmentSize: number;
  /** Segments at most; when all are full, files are synced one by one until one is free. */
  readonly segments: number;
  /** Longest message that is written twice. Octets. */
  readonly longest: number;
  /** Milliseconds from the first record to the sync that makes it superfluous, at most. */
  readonly age: number;
}

/** A message that lies in its mailbox, not synced. */
export interface JournalEntry {
  readonly place: RecordPlace;
  readonly octets: Uint8Array;
  readonly root: string;
  readonly device: number;
}

/** What may fail: a record's write, making or clearing a segment, the sync of the mail, writing that mail anew. */
export type JournalStep = 'write' | 'segment' | 'sync' | 'rewrite';

/** Milliseconds after a failed write before the journal is used again. */
const restAfterFailure = 10_000;
/** Milliseconds of a write that are not worth a way through the pool of threads, which costs as much of CPU. */
const quick = 0.4;
/** Octets of such a write at most. */
const quickSize = 256 << 10;
/** Milliseconds between two looks whether the process before has ended. */
const lockPause = 200;

/**
 * Makes deliveries durable by one sequential write for many: the octets and names of messages whose files are not synced. When
 * half the segments are full, or old, the file systems of the mail are synced as a whole, in the background, and the segments are used
 * anew. Reads them only after the machine went down: `replay.ts`.
 */
export class Journal {
  readonly #settings: JournalSettings;
  readonly #log: Log;
  readonly #count: (step: JournalStep) => void;
  /** null while a process before still writes here: files are synced then. */
  #lock: FileLock | null = null;
  #waiting: NodeJS.Timeout | null = null;
  #current: Segment | null = null;
  /** Empty ones. */
  #clean: Segment[] = [];
  /** Written to, with messages that may not be on disk. */
  #full: Segment[] = [];
  /** One whose write failed is not used again. */
  readonly #broken = new WeakSet<Segment>();
  #making: Promise<void> | null = null;
  #syncing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #usableFrom = 0;
  /** Segments at most. */
  #limit: number;
  #isWriting = false;
  /** Milliseconds that the quickest write of late took, a tenth more for each one since. */
  #quickest = quick / 2;
  #isClosed = false;

  /** @param count hears of each failure */
  constructor(settings: JournalSettings, log: Log, count: (step: JournalStep) => void = () => {}) {
    this.#settings = settings;
    this.#count = count;
    this.#limit = settings.segments;
    this.#log = log;
    mkdirSync(settings.dir, { recursive: true, mode: 0o700 });
    this.#begin();
  }

  /** @throws what the lock's file or the folder fail with */
  #begin(): void {
    this.#lock = tryLock(lockOf(this.#settings.dir));
    if (this.#lock === null) {
      this.#waiting = setTimeout(() => {
        try {
          this.#begin();
        } catch (error) {
          this.#log.error({ err: error }, 'delivery journal: cannot be used, files are synced instead');
        }
      }, lockPause).unref();
      return;
    }
    this.#waiting = null;
    this.#adopt();
    this.#make();
  }

  /** The device of a Maildir whose messages may be left to it; null where they may not. */
  device(root: string): number | null {
    return syncable(root);
  }

  /** How a record names the home of an account. */
  homeOf(path: string): string {
    return relative(this.#settings.dir, path);
  }

  /** Whether a message of that length may be left to it now. */
  takes(length: number): boolean {
    return length <= this.#settings.longest && (this.#current !== null || this.#clean.length > 0) && Date.now() >= this.#usableFrom;
  }

  /** Whether these are on disk: at once where `now`, or where the disk is quick. If not, their files must be synced. One call at a time. */
  append(entries: readonly JournalEntry[], now: boolean): boolean | Promise<boolean> {
    const batch = new Batch(entries);
    const segment = this.#withRoom(batch.size);
    if (segment === null) return false;
    for (const { device, root } of entries) if (!segment.places.has(device)) segment.places.set(device, root);
    this.#later(this.#settings.age);
    const began = performance.now();
    const done = (): true => {
      this.#quickest = Math.min(performance.now() - began, this.#quickest * 1.1);
      return true;
    };
    try {
      const written = segment.append(batch, now || (this.#quickest < quick && batch.size <= quickSize));
      if (written === undefined) return done();
      this.#isWriting = true;
      return written
        .then(done, (error: unknown) => this.#failed(segment, error))
        .finally(() => {
          this.#isWriting = false;
        });
    } catch (error) {
      return this.#failed(segment, error);
    }
  }

  /** Syncs what there is then. */
  #later(wait: number): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#isWriting) return this.#later(10);
      this.#retire();
      this.#checkpoint();
    }, wait).unref();
  }

  #failed(segment: Segment, error: unknown): false {
    this.#count('write');
    this.#log.error({ err: error }, 'delivery journal: write failed, files are synced instead');
    this.#broken.add(segment);
    this.#usableFrom = Date.now() + restAfterFailure;
    if (this.#current === segment) this.#retire();
    return false;
  }

  #withRoom(size: number): Segment | null {
    if (this.#current !== null && this.#current.room < size) this.#retire();
    if (this.#current === null && (this.#clean[0]?.room ?? 0) >= size) this.#current = this.#clean.shift()!;
    if (this.#clean.length === 0 && (this.#current === null || this.#current.room < this.#current.size / 2)) this.#make();
    if (this.#full.length * 2 >= this.#limit) this.#checkpoint();
    return this.#current;
  }

  #retire(): void {
    if (this.#current === null || this.#current.isEmpty) return;
    this.#full.push(this.#current);
    this.#current = null;
  }

  /** What a process before left: full segments until they are synced. */
  #adopt(): void {
    const { dir, segmentSize } = this.#settings;
    for (const name of readdirSync(dir).filter((one) => one.endsWith(segmentSuffix))) {
      const path = join(dir, name);
      const content = readSegment(path);
      // A replay that failed left it: it is for the next start.
      if (content !== null && isOtherBoot(content.bootId)) continue;
      const segment = Segment.adopt(path, statSync(path).size);
      if (content === null || content.records.length === 0) {
        segment.remove();
        continue;
      }
      for (const [device, place] of placesOf(dir, content.records)) segment.places.set(device, place);
      if (segment.size !== segmentSize) this.#broken.add(segment);
      this.#full.push(segment);
      this.#limit++;
    }
    if (this.#full.length > 0) this.#later(this.#settings.age);
  }

  #make(): void {
    const { dir, segmentSize } = this.#settings;
    const count = this.#clean.length + this.#full.length + (this.#current === null ? 0 : 1);
    if (this.#making !== null || this.#isClosed || Date.now() < this.#usableFrom) return;
    if (count >= this.#limit) return;
    this.#making = Segment.create(dir, segmentSize)
      .then(
        (segment) => {
          if (this.#isClosed) segment.remove();
          else this.#clean.push(segment);
        },
        (error: unknown) => {
          this.#usableFrom = Date.now() + restAfterFailure;
          this.#count('segment');
          this.#log.warn({ err: error }, 'delivery journal: no segment can be made, files are synced instead');
        },
      )
      .finally(() => {
        this.#making = null;
      });
  }

  /** Syncs what the full segments hold; then they are empty. */
  #checkpoint(): void {
    if (this.#syncing !== null || this.#full.length === 0) return;
    this.#syncing = this.#sync(this.#full.slice()).finally(() => {
      this.#syncing = null;
      if (this.#full.length > 0) this.#later(this.#settings.age);
    });
  }

  async #sync(segments: readonly Segment[]): Promise<void> {
    const places = new Map(segments.flatMap((segment) => [...segment.places]));
    try {
      await syncFilesystems(places);
    } catch (error) {
      this.#count('sync');
      this.#log.error({ err: error }, 'delivery journal: sync of the file system failed, its files are written anew');
      try {
        // What the system could not write it may forget: a later sync that succeeds would prove nothing.
        for (const { path } of segments) rewriteAll(this.#settings.dir, readSegment(path)?.records ?? [], this.#log);
        await syncFilesystems(places);
      } catch (again) {
        this.#count('rewrite');
        this.#log.error({ err: again }, 'delivery journal: messages are kept in it until the next start');
        this.#usableFrom = Number.POSITIVE_INFINITY;
        this.#full = this.#full.filter((segment) => !segments.includes(segment));
        for (const segment of segments) segment.keep();
        return;
      }
    }
    this.#full = this.#full.filter((segment) => !segments.includes(segment));
    for (const segment of segments) {
      try {
        if (this.#broken.has(segment) || this.#isClosed || this.#clean.length > 1) {
          segment.remove();
          this.#limit = Math.max(this.#limit - 1, this.#settings.segments);
        } else {
          segment.clear();
          this.#clean.push(segment);
        }
      } catch (error) {
        segment.remove();
        this.#count('segment');
        this.#log.warn({ err: error }, 'delivery journal: a segment is given up');
      }
    }
  }

  /** Syncs all; nothing is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    await this.#making;
    await this.#syncing;
    this.#retire();
    if (this.#full.length > 0) await this.#sync(this.#full.slice());
    for (const segment of [...this.#clean, ...(this.#current === null ? [] : [this.#current])]) segment.remove();
    this.#lock?.release();
  }
}

/** null where none is wanted, or none can be made: each file and folder is synced then. */
export function openJournal(settings: JournalSettings | null, log: Log, count: (step: JournalStep) => void): Journal | null {
  if (settings === null) return null;
  try {
    return new Journal(settings, log, count);
  } catch (error) {
    log.error({ err: error }, 'delivery journal: cannot be used, files are synced instead');
    return null;
  }
}
