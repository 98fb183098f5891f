import { existsSync, mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** How long the event loop of the worst worker was held: milliseconds, for p99 some 10 with little to do. */
export interface LoopDelay {
  readonly p99: number;
  readonly max: number;
}

/** One mail server under measurement, with its own folders and ports, on loopback. */
export interface BenchServer {
  readonly name: string;
  /** Roots of its process trees. */
  readonly pids: readonly number[];
  readonly ports: {
    readonly smtp?: number;
    readonly submission?: number;
    readonly imap?: number;
    readonly imaps?: number;
    readonly pop3?: number;
  };
  /** Where an account's INBOX lies: the folder with tmp, new and cur. */
  maildir(account: string): string;
  /** Since this was asked last. */
  loopDelay?(): Promise<LoopDelay>;
  /** Removes the index of an account, while the server is stopped. */
  dropIndex?(account: string): Promise<void>;
  /** Stops and starts it; all mail of all accounts is removed in between unless `keep`. */
  restart(keep?: boolean): Promise<void>;
  stop(): Promise<void>;
}

export const domain = 'bench.test';
export const password = 'correct-horse-battery';
/** Account n of a bench. */
export const account = (n: number): string => `u${n}@${domain}`;

/**
 * Begins without mail: homes are put aside and removed with all the rest at the end. Removed right before a run they would be in its
 * way: for some seconds ext4 looks at each inode that came free before it takes another.
 */
export function putMailAside(mail: string, accounts: number): void {
  const aside = mkdtempSync(`${mail}-used-`);
  for (let n = 0; n < accounts; n++) {
    const name = account(n).split('@')[0]!;
    const home = join(mail, domain, name);
    if (existsSync(home)) renameSync(home, join(aside, name));
  }
}
