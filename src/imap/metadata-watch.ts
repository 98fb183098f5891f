import { hash } from 'node:crypto';
import { Fault } from '../mail/fault.ts';
import type { MailboxId } from '../mail/numbers.ts';
import type { Mailbox } from '../store/store.ts';
import type { NotifyEvent } from './grammar/notify.ts';
import { annotations } from './metadata.ts';
import type { Session } from './session.ts';

/** Entries and what tells one value from another. */
type Known = ReadonlyMap<string, string>;

/** Tells which entries changed, without their values. RFC 5464 4.4.2, RFC 5465 5.6, 5.7 */
export class MetadataWatch {
  readonly #session: Session;
  readonly #eventsOf: (name: string) => ReadonlySet<NotifyEvent>;
  readonly #server: boolean;
  #known: ReadonlyMap<MailboxId | null, Known>;

  /** @param server whether the server's entries are of interest */
  constructor(session: Session, eventsOf: (name: string) => ReadonlySet<NotifyEvent>, server: boolean) {
    this.#session = session;
    this.#eventsOf = eventsOf;
    this.#server = server;
    this.#known = this.#look();
  }

  tell(): void {
    const before = this.#known;
    this.#known = this.#look();
    for (const [id, now] of this.#known) {
      const then = before.get(id);
      if (then === undefined) continue;
      const changed = [...new Set([...then.keys(), ...now.keys()])].filter((entry) => then.get(entry) !== now.get(entry));
      const name = id === null ? '' : (this.#session.mail!.get(id)?.name ?? null);
      if (changed.length === 0 || name === null) continue;
      this.#session.out.untagged(`METADATA ${name === '' ? '""' : this.#session.toWire(name)} ${changed.join(' ')}`);
    }
  }

  #look(): ReadonlyMap<MailboxId | null, Known> {
    const found = new Map<MailboxId | null, Known>();
    const add = (mailbox: Mailbox | null): void => {
      try {
        const all = annotations(this.#session, mailbox);
        found.set(mailbox?.id ?? null, new Map([...all].map(([entry, value]) => [entry, hash('sha1', Buffer.from(value, 'latin1'))])));
      } catch (error) {
        // Not for this user.
        if (!(error instanceof Fault)) throw error;
      }
    };
    if (this.#server) add(null);
    for (const mailbox of this.#session.mail!.list()) {
      if (mailbox.selectable && this.#eventsOf(mailbox.name).has('MailboxMetadataChange')) add(mailbox);
    }
    return found;
  }
}
