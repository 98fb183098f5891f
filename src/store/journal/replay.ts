import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bootId } from '../../base/boot-id.ts';
import { syncFolder } from '../../base/durable-file.ts';
import type { Log } from '../../base/log.ts';
import { tryLock } from '../../db/file-lock.ts';
import { syncable, syncFilesystemsNow } from './filesystem.ts';
import type { JournalRecord } from './record.ts';
import { Restorer } from './restore.ts';
import { keptSuffix, readSegment, segmentSuffix } from './segment.ts';

/** Whether the machine may have gone down since. */
export const isOtherBoot = (id: string | null, now = bootId): boolean => id === null || id !== now;

/** Folders of one thread's journal, of any process of this server. */
export const journalOf = (dir: string, slot: number): string => join(dir, String(slot));

/**
 * Whoever writes a journal holds this, to its end: workers whose primary was killed live on for a moment beside those of the next
 * one. Not in the folder, whose files come and go.
 */
export const lockOf = (dir: string): string => `${dir}.lock`;

/** A folder on each device that has messages of these records. */
export function placesOf(dir: string, records: readonly JournalRecord[]): Map<number, string> {
  const places = new Map<number, string>();
  for (const home of new Set(records.map(({ place }) => join(resolve(dir, place.home), place.maildir)))) {
    const device = existsSync(home) ? syncable(home) : null;
    if (device !== null && !places.has(device)) places.set(device, home);
  }
  return places;
}

function restore(dir: string, records: readonly JournalRecord[], always: boolean, log: Log): number {
  const accounts = Map.groupBy(records, ({ place }) => `${place.home}\0${place.maildir}`);
  let written = 0;
  for (const own of accounts.values()) {
    const { home, maildir, address } = own[0]!.place;
    const restorer = new Restorer(resolve(dir, home), maildir, always, log.child({ address }));
    try {
      for (const record of own) restorer.put(record);
      written += restorer.written;
    } finally {
      restorer.close();
    }
  }
  return written;
}

/** Writes all of them, also what seems to be there. */
export const rewriteAll = (dir: string, records: readonly JournalRecord[], log: Log): number => restore(dir, records, true, log);

/** For tests: another run of the machine, another way to sync. */
export interface ReplayDeps {
  readonly boot?: string;
  readonly sync?: (places: ReadonlyMap<number, string>) => void;
}

/**
 * Before anything is served: what the journals in `dir` have of a run of the machine that ended without warning goes where it belongs.
 * Those of this run are left to the threads that write the first `slots` of them, or that still do.
 */
export function replayJournals(dir: string, slots: number, log: Log, { boot, sync }: ReplayDeps = {}): void {
  if (!existsSync(dir)) return;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const from = join(dir, entry.name);
    const lock = tryLock(lockOf(from));
    try {
      replaySlot(from, lock === null, log, boot, sync);
    } catch (error) {
      log.error({ err: error }, `delivery journal: ${from} cannot be replayed; it is kept for the next start`);
    }
    // Fewer threads than before: the first one takes these over.
    const isOver = !(/^\d+$/.test(entry.name) && Number(entry.name) <= slots);
    if (isOver && lock !== null) handOver(from, journalOf(dir, 1));
    lock?.release();
  }
}

function handOver(from: string, first: string): void {
  mkdirSync(first, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(from)) renameSync(join(from, name), join(first, name));
  rmdirSync(from);
  syncFolder(first);
}

/** @param isHeld somebody writes it: it is of this run, and its empty segments are about to be used */
function replaySlot(from: string, isHeld: boolean, log: Log, boot: string | undefined, sync = syncFilesystemsNow): void {
  const replayed: string[] = [];
  const places = new Map<number, string>();
  let messages = 0;
  let written = 0;
  for (const name of readdirSync(from)) {
    const isKept = name.endsWith(keptSuffix);
    const path = join(from, name);
    const content = isKept || name.endsWith(segmentSuffix) ? readSegment(path) : null;
    if (content === null ? isHeld : !isKept && !isOtherBoot(content.bootId, boot)) continue;
    if (content !== null) {
      messages += content.records.length;
      written += restore(from, content.records, isKept, log);
      for (const [device, place] of placesOf(from, content.records)) places.set(device, place);
    }
    replayed.push(path);
  }
  sync(places);
  for (const path of replayed) rmSync(path, { force: true });
  if (messages > 0) log.info({ messages, written }, 'delivery journal of an unclean stop: every message is in its place');
}
