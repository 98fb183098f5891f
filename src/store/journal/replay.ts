import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bootId } from '../../base/boot-id.ts';
import { syncFolder } from '../../base/durable-file.ts';
import type { Log } from '../../base/log.ts';
import { syncable, syncFilesystemsNow } from './filesystem.ts';
import type { JournalRecord } from './record.ts';
import { Restorer } from './restore.ts';
import { keptSuffix, readSegment, segmentSuffix } from './segment.ts';

/** Whether the machine may have gone down since. */
export const isOtherBoot = (id: string | null, now = bootId): boolean => id === null || id !== now;

/** Folders of one thread's journal, of any process of this server. */
export const journalOf = (dir: string, slot: number): string => join(dir, String(slot));

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
 * Those of this run are left to the threads that write the first `slots` of them.
 */
export function replayJournals(dir: string, slots: number, log: Log, { boot, sync }: ReplayDeps = {}): void {
  if (!existsSync(dir)) return;
  for (const slot of readdirSync(dir)) {
    const from = join(dir, slot);
    try {
      replaySlot(from, log, boot, sync);
    } catch (error) {
      log.error({ err: error }, `delivery journal: ${from} cannot be replayed; it is kept for the next start`);
    }
    if (/^\d+$/.test(slot) && Number(slot) <= slots) continue;
    // Fewer threads than before: the first one takes these over.
    const first = journalOf(dir, 1);
    mkdirSync(first, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(from)) renameSync(join(from, name), join(first, name));
    rmdirSync(from);
    syncFolder(first);
  }
}

function replaySlot(from: string, log: Log, boot: string | undefined, sync = syncFilesystemsNow): void {
  const replayed: string[] = [];
  const places = new Map<number, string>();
  let messages = 0;
  let written = 0;
  for (const name of readdirSync(from)) {
    const isKept = name.endsWith(keptSuffix);
    const path = join(from, name);
    const content = isKept || name.endsWith(segmentSuffix) ? readSegment(path) : null;
    if (content !== null && !isKept && !isOtherBoot(content.bootId, boot)) continue;
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
