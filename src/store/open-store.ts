import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { isDamage } from '../db/open.ts';
import { Fault } from '../mail/fault.ts';
import type { MailboxId, ModSeq } from '../mail/numbers.ts';
import { Account } from './account.ts';
import { appendRequest } from './append-request.ts';
import { Ballast } from './ballast.ts';
import { inProcessFeed } from './change-feed.ts';
import { Reader } from './reader.ts';
import type { StoreSettings } from './settings.ts';
import type { AccountStore, ChangeFeed, MailAccount, MailStore, NewMessage } from './store.ts';
import { longRest, surplus } from './surplus.ts';
import { StoreThreads } from './threads.ts';
import { indexName } from './writer/account-writer.ts';

export interface StoreDeps {
  readonly log: Log;
  /** Hints to and from other processes; in this process alone when absent. */
  readonly feed?: ChangeFeed;
  /** For a server: its store thread starts now, not with the first request. */
  readonly eager?: boolean;
}

interface Entry {
  readonly account: Account;
  uses: number;
  used: number;
  reader: Reader | null;
  opening: Promise<void> | null;
  mending: boolean;
}

/** Maildir on disk, an index beside it. */
export function openStore(settings: StoreSettings, deps: StoreDeps): MailStore {
  return new MaildirStore(settings, deps);
}

class MaildirStore implements MailStore {
  readonly #settings: StoreSettings;
  readonly #log: Log;
  readonly #feed: ChangeFeed;
  readonly #threads: StoreThreads;
  readonly #ballast: Ballast;
  readonly #entries = new Map<string, Entry>();
  readonly #resting = setInterval(() => this.#closeSurplus(this.#settings.openAccounts), longRest / 2).unref();

  constructor(settings: StoreSettings, { log, feed = inProcessFeed(), eager = false }: StoreDeps) {
    this.#settings = settings;
    this.#log = log;
    this.#feed = feed;
    this.#ballast = new Ballast(settings, log);
    this.#threads = new StoreThreads(settings, {
      log,
      eager,
      onHint: ({ account, mailbox, modseq }) => feed.publish({ account, mailbox: mailbox as MailboxId | null, modSeq: modseq as ModSeq }),
    });
  }

  async open(account: MailAccount): Promise<AccountStore> {
    let entry = this.#entries.get(account.home);
    if (entry === undefined) {
      const fresh: Entry = { account: null as unknown as Account, uses: 0, used: 0, reader: null, opening: null, mending: false };
      const made = new Account(account, {
        settings: this.#settings,
        threads: this.#threads,
        feed: this.#feed,
        log: this.#log.child({ address: account.address }),
        reader: () => this.#reader(fresh),
        onRelease: () => {
          fresh.uses--;
        },
      });
      entry = Object.assign(fresh, { account: made });
      this.#entries.set(account.home, entry);
      entry.opening = this.#threads.call(account, 'open', {});
      // Whoever opens it reads next, and was only just told that it may.
      void entry.opening.then(
        () => setImmediate(() => this.#prepare(fresh)),
        () => {},
      );
    }
    entry.uses++;
    try {
      if (entry.opening !== null) await entry.opening;
      entry.opening = null;
    } catch (error) {
      entry.uses--;
      if (this.#entries.get(account.home) === entry) this.#entries.delete(account.home);
      throw error;
    }
    // Quota and name may have been changed since.
    entry.account.account = account;
    entry.used = performance.now();
    this.#forget();
    return entry.account;
  }

  async deliver(account: MailAccount, mailbox: string, messages: readonly NewMessage[]): Promise<void> {
    const { request, transfer } = appendRequest(mailbox, messages, account.quota, { autocreate: true });
    await this.#threads.call(account, 'append', request, transfer);
  }

  async close(): Promise<void> {
    clearInterval(this.#resting);
    for (const { account, reader } of this.#entries.values()) {
      account.close();
      reader?.close();
    }
    this.#entries.clear();
    await this.#threads.close();
    await this.#ballast.close();
  }

  /** Has the connection and the first statements made before they are asked for. */
  #prepare(entry: Entry): void {
    if (entry.uses === 0 || this.#entries.get(entry.account.account.home) !== entry) return;
    try {
      entry.account.find('INBOX');
    } catch {
      // Who needs it hears of it.
    }
  }

  #reader(entry: Entry): Reader {
    if (entry.reader !== null && !entry.reader.isCurrent()) {
      entry.reader.close();
      entry.reader = null;
      entry.account.forget();
    }
    if (entry.reader === null) {
      // Before another is made.
      this.#closeSurplus(this.#settings.openAccounts - 1);
      entry.reader = this.#connect(entry);
    }
    entry.used = performance.now();
    return entry.reader;
  }

  #connect(entry: Entry): Reader {
    const { account } = entry.account;
    const file = join(account.home, indexName);
    const damaged = (inode: number): void => {
      if (entry.mending) return;
      entry.mending = true;
      this.#threads
        .call(account, 'mend', { broken: inode })
        .catch((error: unknown) => this.#log.warn({ err: error, address: account.address }, 'a damaged index is still there'))
        .finally(() => {
          entry.mending = false;
          entry.reader?.suspect();
        });
    };
    try {
      return new Reader(file, damaged);
    } catch (error) {
      const there = statSync(file, { throwIfNoEntry: false });
      // Set aside, or taken away, while nobody writes who would make another.
      if (there === undefined || (error instanceof Fault && isDamage(error.cause))) damaged(there?.ino ?? 0);
      throw error;
    }
  }

  /** Of accounts that nobody uses those that were used last are kept. */
  #forget(): void {
    if (this.#entries.size <= this.#settings.openAccounts) return;
    const idle = [...this.#entries].filter(([, entry]) => entry.uses === 0 && entry.opening === null).sort((a, b) => a[1].used - b[1].used);
    for (const [home, entry] of idle.slice(0, this.#entries.size - this.#settings.openAccounts)) {
      entry.account.close();
      this.#drop(entry);
      this.#entries.delete(home);
    }
  }

  /** Connections of accounts that rest; they open again when they are needed. */
  #closeSurplus(most: number): void {
    const open = [...this.#entries.values()].filter(({ reader }) => reader !== null);
    for (const entry of surplus(open, most, performance.now())) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    entry.reader?.close();
    entry.reader = null;
  }
}
