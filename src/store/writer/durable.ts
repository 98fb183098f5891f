import { closeSync } from 'node:fs';
import { openFolder, syncAll } from '../../base/durable-file.ts';
import type { Log } from '../../base/log.ts';
import { sqliteFault } from '../../db/open.ts';
import type { WalFile } from '../../db/wal-file.ts';
import { Fault } from '../../mail/fault.ts';
import type { Journal } from '../journal/journal.ts';
import type { AccountWriter, Operation, Outcome, Unsynced } from './account-writer.ts';

/** An operation of some account, and what came of it. */
export interface Job {
  readonly held: { readonly writer: AccountWriter };
  readonly operation: Operation;
  outcome: Outcome | null;
}

/** What must be on disk before the operations of a round are answered. */
export interface Debt {
  readonly messages: readonly { readonly job: Job; readonly message: Unsynced }[];
  readonly folders: readonly Folder[];
  readonly logs: readonly IndexLog[];
}

/** Of an account whose commits wait for it. */
interface IndexLog {
  readonly writer: AccountWriter;
  readonly wal: WalFile;
  readonly jobs: readonly Job[];
}

interface Folder {
  readonly path: string;
  /** Those that are not acknowledged without it. */
  readonly jobs: readonly Job[];
}

interface Waiting {
  readonly job: Job;
  readonly fd: number;
}

async function syncFiles(waiting: readonly Waiting[]): Promise<void> {
  const synced = syncAll(waiting.map(({ fd }) => fd));
  for (const [i, error] of (synced instanceof Promise ? await synced : synced).entries()) {
    const { job } = waiting[i]!;
    if (error !== null) job.outcome = { error: sqliteFault(error, job.held.writer.root) };
  }
}

/** Files that must be on disk before their names and rows. */
export function syncPrepared(jobs: readonly Job[]): Promise<void> | undefined {
  const waiting = jobs.flatMap((job) =>
    job.outcome === null ? (job.operation.unsynced?.() ?? []).map((fd): Waiting => ({ job, fd })) : [],
  );
  return waiting.length === 0 ? undefined : syncFiles(waiting);
}

/** What is owed after the transactions of a round. */
export function debtOf(byAccount: ReadonlyMap<{ readonly writer: AccountWriter }, readonly Job[]>): Debt {
  const messages: { job: Job; message: Unsynced }[] = [];
  const folders: Folder[] = [];
  const logs: IndexLog[] = [];
  for (const [{ writer }, jobs] of byAccount) {
    const wal = writer.takeLog();
    if (wal !== null) logs.push({ writer, wal, jobs: jobs.filter(({ operation }) => operation.durable) });
    for (const path of writer.takeFolders()) folders.push({ path, jobs });
    for (const job of jobs) {
      if (job.outcome !== null && job.outcome.error === undefined)
        for (const message of job.operation.journaled?.() ?? []) messages.push({ job, message });
    }
  }
  return { messages, folders, logs };
}

/** Makes it durable; what cannot be is not acknowledged. @param idle nothing else waits for this thread */
export async function pay({ messages, folders, logs }: Debt, journal: Journal | null, idle: boolean, log: Log): Promise<void> {
  const now = idle && messages.length + logs.length === 1;
  // Begun before anything is waited for: an account may be closed then.
  const logged = logs.flatMap((one) => syncLog(one, now, log) ?? []);
  const left = [...folders];
  if (messages.length > 0) {
    const written =
      journal?.append(
        messages.map(({ message }) => message),
        now,
      ) ?? false;
    if (!(written instanceof Promise ? await written : written)) {
      await syncFiles(messages.map(({ job, message }) => ({ job, fd: message.fd })));
      for (const [path, own] of Map.groupBy(messages, ({ message }) => message.folder))
        left.push({ path, jobs: own.map(({ job }) => job) });
    }
  }
  if (left.length > 0) await syncFolders(left, log);
  if (logged.length > 0) await Promise.all(logged);
}

function syncLog({ writer, wal, jobs }: IndexLog, now: boolean, log: Log): Promise<void> | undefined {
  const failed = (error: unknown): void => {
    log.error({ err: error, address: writer.address }, 'sync of the index failed');
    writer.lostLog();
    for (const job of jobs) if (job.outcome?.error === undefined) job.outcome = { error: sqliteFault(error, writer.indexFile) };
  };
  if (!now) return wal.sync().catch(failed);
  try {
    wal.syncNow();
  } catch (error) {
    failed(error);
  }
  return undefined;
}

async function syncFolders(folders: readonly Folder[], log: Log): Promise<void> {
  const failed = ({ path, jobs }: Folder, error: unknown): void => {
    // What lies in that folder may not be on disk: none of it is acknowledged.
    log.error({ err: error }, `fsync of ${path} failed`);
    for (const job of jobs) job.outcome = { error: new Fault('unavailable', `fsync of ${path} failed`, { cause: error }) };
  };
  const open: { folder: Folder; fd: number }[] = [];
  for (const folder of folders) {
    try {
      open.push({ folder, fd: openFolder(folder.path) });
    } catch (error) {
      failed(folder, error);
    }
  }
  const synced = syncAll(open.map(({ fd }) => fd));
  for (const [i, error] of (synced instanceof Promise ? await synced : synced).entries()) {
    const { folder, fd } = open[i]!;
    closeSync(fd);
    if (error !== null) failed(folder, error);
  }
}
