import type { ModSeq, Uid } from '../mail/numbers.ts';
import type { Changes } from './store.ts';
import type { AppendedTo } from './writer/append.ts';

interface Brought {
  /** Mod-sequences of the mailbox that have nothing else between them. */
  readonly before: number;
  readonly after: number;
  readonly changes: Changes;
}

/** What the last APPEND to each mailbox brought: a session that knew all before it need not read it from the index. */
export class LastAppends {
  readonly #brought = new Map<number, Brought>();

  learn({ mailbox, uids, modseqs, added }: AppendedTo): void {
    if (added === null) {
      this.#brought.delete(mailbox);
      return;
    }
    const { before, after, flags } = added;
    const changed = {
      uids: Uint32Array.from(uids),
      flags: Uint32Array.from(flags),
      modSeqs: Float64Array.from(modseqs),
      moreKeywords: new Map(),
    };
    const uidNext = (uids.at(-1)! + 1) as Uid;
    const changes = { uidNext, highestModSeq: after as ModSeq, changed, expunged: new Uint32Array(0), complete: true };
    this.#brought.set(mailbox, { before, after, changes });
  }

  /** null where that is not all that happened from `since` to `modseq`. */
  changes(mailbox: number, since: number, modseq: number): Changes | null {
    const brought = this.#brought.get(mailbox);
    return brought?.before === since && brought.after === modseq ? brought.changes : null;
  }

  clear(): void {
    this.#brought.clear();
  }
}
