import type { FaultKind } from '../mail/fault.ts';
import type { JournalStep } from './journal/journal.ts';
import type { StoreSettings } from './settings.ts';
import type { LoadedChanges } from './writer/account-writer.ts';
import type { SetAclRequest, SetMetadataRequest } from './writer/annotations.ts';
import type { AppendedTo, AppendRequest } from './writer/append.ts';
import type { CopiedTo, CopyRequest } from './writer/copy.ts';
import type { ExpungeRequest, FlagColumns, StoreRequest } from './writer/flags.ts';
import type { Looked, LookRequest } from './writer/look.ts';
import type { ScanResult } from './writer/scan.ts';

/** What the loop asks of a store thread, and what comes back. */
export interface Commands {
  open: { request: Record<never, never>; result: void };
  append: { request: AppendRequest; result: AppendedTo };
  store: { request: StoreRequest; result: FlagColumns };
  expunge: { request: ExpungeRequest; result: Uint32Array };
  copy: { request: CopyRequest; result: CopiedTo };
  move: { request: CopyRequest; result: CopiedTo };
  claimRecent: { request: { mailbox: number }; result: readonly [from: number, before: number] };
  create: { request: { name: string; specialUse: string | null }; result: number };
  rename: { request: { from: string; to: string }; result: void };
  delete: { request: { name: string }; result: void };
  subscribe: { request: { name: string; subscribed: boolean }; result: void };
  setSpecialUse: { request: { name: string; specialUse: string | null }; result: void };
  setMetadata: { request: SetMetadataRequest; result: void };
  setAcl: { request: SetAclRequest; result: void };
  /**
   * Looks at the folder of a mailbox, or at the list of folders (`mailbox` null). `unless`: not where its stamps are known now,
   * or while many files are still to be renamed. */
  scan: { request: { mailbox: number | null; missing: readonly number[]; unless?: 'known' | 'busy' | undefined }; result: ScanResult };
  /** Something did not agree: looks through the whole index, which is made anew where it cannot be believed. `broken`: inode of one that cannot. */
  mend: { request: { broken: number | null }; result: void };
  /** Reads contents that were put off. */
  read: { request: { mailbox: number; uids: Uint32Array }; result: void };
  /** Looks for a text in messages themselves. */
  look: { request: LookRequest; result: Looked };
  /** Reads what changed in a mailbox since a modseq, where that is much. */
  changes: { request: { mailbox: number; since: number }; result: LoadedChanges };
  /** Reads the whole index of a mailbox, for a view. */
  load: { request: { mailbox: number }; result: { uids: Uint32Array; flags: Uint32Array; modseqs: Float64Array; highest: number } };
  /** Keeps the same in the index, for whoever opens the mailbox next. */
  keep: { request: { mailbox: number }; result: void };
}

export type CommandName = keyof Commands;

export interface Request<N extends CommandName = CommandName> {
  readonly id: number;
  readonly account: { readonly address: string; readonly home: string };
  readonly command: N;
  readonly request: Commands[N]['request'];
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly fault?: { readonly kind: FaultKind; readonly detail: string };
  /** Stack of a bug. */
  readonly error?: string;
}

export interface Burst {
  readonly replies: readonly Reply[];
  readonly hints: readonly { readonly account: string; readonly mailbox: number | null; readonly modseq: number }[];
  readonly logs: readonly { readonly level: 'info' | 'warn' | 'error'; readonly fields: Record<string, unknown>; readonly msg: string }[];
  readonly journalFailures: readonly JournalStep[];
  readonly closed?: true;
}

/** What the thread's work says; logs and failures go along. */
export type Told = Omit<Burst, 'logs' | 'journalFailures'>;

export type ToThread = readonly Request[] | { readonly close: true };

export interface ThreadData {
  readonly settings: StoreSettings;
}
