import type { MailboxId, UidValidity } from '../mail/numbers.ts';
import { canonicalName, parents } from './files/paths.ts';
import type { Reader } from './reader.ts';
import type { Mailbox } from './store.ts';
import type { MailboxRecord } from './tables/mailbox.ts';

/** All mailboxes of an account by name, with the names above them; made anew when rows of mailboxes changed. */
export class MailboxList {
  #all: readonly MailboxRecord[] | null = null;
  #found: readonly Mailbox[] = [];

  of(reader: Reader): readonly Mailbox[] {
    const all = reader.all();
    if (this.#all === all) return this.#found;
    const found = all.map(mailboxOf);
    const names = new Set(found.map(({ name }) => name));
    for (const { name } of found.slice()) {
      for (const parent of parents(name)) {
        const known = canonicalName(parent);
        if (names.has(known)) continue;
        names.add(known);
        found.push({ ...nowhere, name: known });
      }
    }
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#all = all;
    this.#found = found;
    return found;
  }

  forget(): void {
    this.#all = null;
  }
}

const nowhere = { id: 0 as MailboxId, uidValidity: 0 as UidValidity, mailboxId: '', specialUse: null, selectable: false } as const;

export function mailboxOf(record: MailboxRecord): Mailbox {
  return {
    id: record.id as MailboxId,
    name: record.name,
    uidValidity: record.uidValidity as UidValidity,
    mailboxId: record.objectId,
    specialUse: record.specialUse,
    selectable: true,
  };
}
