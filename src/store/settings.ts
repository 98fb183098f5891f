import type { JournalSettings } from './journal/journal.ts';

/** What the store is told once, at start. */
export interface StoreSettings {
  /** Maildir below an account's home; '' = the home itself. */
  readonly maildir: string;
  /** Store threads of this process at most: one does the work, the others help out when it is held up. */
  readonly threads: number;
  /** Milliseconds without work after which one that helped out ends. */
  readonly helperRest: number;
  /** Accounts whose index a thread and the loop keep open each. */
  readonly openAccounts: number;
  /** Made and subscribed when an account's mail is first made: name to special use. RFC 6154 */
  readonly mailboxes: readonly (readonly [name: string, specialUse: string])[];
  /** Octets that must stay free on the disk for new mail to be taken; 0 = no check. */
  readonly minFree: number;
  /** A file beside the accounts' homes that takes up room until a full disk needs it; '' = none. */
  readonly ballast: string;
  /** Octets of it; 0 = none. */
  readonly ballastSize: number;
  /** Milliseconds between looks at whether there is room to make it. */
  readonly ballastInterval: number;
  /** Mailboxes an account may have. */
  readonly mailboxLimit: number;
  /** Makes many deliveries durable by one write; null: each file and folder is synced. Of one process at a time. */
  readonly journal: JournalSettings | null;
}

export const storeDefaults: StoreSettings = {
  maildir: 'Maildir',
  threads: 3,
  helperRest: 15_000,
  openAccounts: 256,
  mailboxes: [
    ['Drafts', '\\Drafts'],
    ['Sent', '\\Sent'],
    ['Junk', '\\Junk'],
    ['Trash', '\\Trash'],
    ['Archive', '\\Archive'],
  ],
  minFree: 16 << 20,
  ballast: '',
  ballastSize: 64 << 20,
  ballastInterval: 60_000,
  mailboxLimit: 10_000,
  journal: null,
};

export const journalDefaults: Omit<JournalSettings, 'dir'> = {
  segmentSize: 8 << 20,
  segments: 8,
  longest: 128 << 10,
  age: 60_000,
};
