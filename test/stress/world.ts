import { type SourceMessage, sourceMessages } from './source.ts';

export interface StressOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly mailbox: string;
  readonly clients: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Messages the mailbox is kept near to. */
  readonly messages?: number;
  /** Milliseconds between checkpoints, when everybody stops and must see the same; 0: none. */
  readonly checkpoint?: number;
  /** One after the other as a client would, or at random and with everything there is. */
  readonly order?: 'cycle' | 'random';
  /** Every flag, or every message's flags, are one client's to change: nobody else may be seen to have changed them. */
  readonly own?: 'flags' | 'messages';
  /** Comes back with QRESYNC and what it knew. */
  readonly qresync?: boolean;
  /** Speaks IMAP4rev2. */
  readonly rev2?: boolean;
}

export interface StressResult {
  readonly commands: number;
  readonly checkpoints: number;
  readonly errors: readonly string[];
}

/** What never changes of a UID. */
export interface Facts {
  readonly uid: number;
  id: string | null;
  internalDate: string | null;
  /** Session that has it as \Recent. */
  recent: number;
  /** Client whose flags these are. */
  owner: number;
  /** Sessions that had ended when it was first seen. */
  readonly leaves: number;
}

/** What all clients of a run share. */
export class World {
  readonly options: StressOptions;
  readonly errors: string[] = [];
  commands = 0;
  checkpoints = 0;
  /** Sessions begun, and those that let go of the mailbox. */
  sessions = 0;
  leaves = 0;
  uidValidity = 0;
  highestModSeq = 0;
  readonly sources: readonly SourceMessage[] = sourceMessages(60);
  readonly byId: ReadonlyMap<string, SourceMessage>;
  readonly expunged = new Set<number>();
  readonly #facts = new Map<number, Facts>();
  /** By Message-ID and item: copies of a message must look alike. */
  readonly #parts = new Map<string, string>();
  readonly #flagOwners = new Map<string, number>();
  #next = 0;

  constructor(options: StressOptions) {
    this.options = options;
    this.byId = new Map(this.sources.map((source) => [source.id, source]));
  }

  nextSource(): SourceMessage {
    return this.sources[this.#next++ % this.sources.length]!;
  }

  facts(uid: number): Facts {
    let found = this.#facts.get(uid);
    if (found === undefined) {
      found = {
        uid,
        id: null,
        internalDate: null,
        recent: 0,
        owner: Math.floor(Math.random() * this.options.clients),
        leaves: this.leaves,
      };
      this.#facts.set(uid, found);
    }
    return found;
  }

  known(): Facts[] {
    return [...this.#facts.values()].filter(({ uid }) => !this.expunged.has(uid));
  }

  /** @returns what was seen before where it differs */
  part(id: string, item: string, value: string): string | null {
    const key = `${id} ${item}`;
    const before = this.#parts.get(key);
    if (before === undefined) this.#parts.set(key, value);
    return before === undefined || before === value ? null : before;
  }

  flagOwner(flag: string): number {
    let owner = this.#flagOwners.get(flag);
    if (owner === undefined) {
      owner = Math.floor(Math.random() * this.options.clients);
      this.#flagOwners.set(flag, owner);
    }
    return owner;
  }
}
