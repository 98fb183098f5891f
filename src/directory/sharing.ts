import type { Database } from '../db/open.ts';
import { transaction } from '../db/transaction.ts';
import type { Remembered } from './remembered.ts';
import type { shareTable } from './tables/share.ts';

/** Who shares mailboxes with whom, so that nobody must look into every home. The mailboxes themselves say what is shared. */
export interface Sharing {
  /** Accounts that hold something for one of `identifiers`. */
  owners(identifiers: readonly string[]): readonly string[];
  /** Everyone named by `owner`'s mailboxes now. */
  publish(owner: string, identifiers: readonly string[]): void;
}

export function sharing(db: Database, shares: ReturnType<typeof shareTable>, remembered: Remembered): Sharing {
  const owners = remembered.keep((identifier): readonly string[] => shares.owners(identifier));
  return {
    owners(identifiers) {
      remembered.check();
      return [...new Set(identifiers.flatMap((identifier) => owners(identifier)))];
    },
    publish(owner, identifiers) {
      const before = new Set(shares.identifiers(owner));
      const now = new Set(identifiers);
      const [added, gone] = [[...now].filter((one) => !before.has(one)), [...before].filter((one) => !now.has(one))];
      if (added.length + gone.length === 0) return;
      transaction(db, () => {
        for (const identifier of added) shares.add(identifier, owner);
        for (const identifier of gone) shares.remove(identifier, owner);
      });
      remembered.clear();
    },
  };
}
