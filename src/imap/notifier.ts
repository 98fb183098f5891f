import type { MailboxId } from '../mail/numbers.ts';
import type { Mailbox, MailboxStatus } from '../store/store.ts';
import { respond } from './fetch-response.ts';
import type { EventGroup, NotifyEvent } from './grammar/notify.ts';
import { fetchItemsByName } from './items/index.ts';
import { MetadataWatch } from './metadata-watch.ts';
import type { Session } from './session.ts';
import { sendUpdates } from './updates.ts';

/** Mailboxes watched at once; changes in others are told late or not at all. RFC 5465 4 lets a server say so. */
const mostWatched = 1000;

interface Watched {
  readonly mailbox: Mailbox;
  readonly events: ReadonlySet<NotifyEvent>;
  readonly stop: () => void;
  told: Told;
}

type Told = Pick<MailboxStatus, 'messages' | 'uidNext' | 'highestModSeq'>;

/** Tells of changes in any mailbox as they happen: between commands at once, during one at its end. RFC 5465 */
export class Notifier {
  readonly #session: Session;
  readonly #groups: readonly EventGroup[];
  readonly #watched = new Map<MailboxId, Watched>();
  readonly #touched = new Set<MailboxId>();
  #names = new Map<MailboxId, string>();
  #subscribed = new Set<string>();
  #stops: (() => void)[] = [];
  #selected: { readonly id: MailboxId; readonly stop: () => void } | null = null;
  #metadata: MetadataWatch | null = null;
  #listTouched = false;
  #selectedTouched = false;
  #round: Promise<void> | null = null;

  constructor(session: Session, groups: readonly EventGroup[]) {
    this.#session = session;
    this.#groups = groups;
  }

  async start(status: boolean): Promise<void> {
    const mail = this.#session.mail!;
    this.#names = this.#list();
    this.#subscribed = new Set(mail.subscriptions());
    const asks = (event: NotifyEvent): boolean => this.#groups.some(({ events }) => events.has(event));
    if (asks('MailboxMetadataChange') || asks('ServerMetadataChange'))
      this.#metadata = new MetadataWatch(this.#session, (name) => this.#eventsOf(name), asks('ServerMetadataChange'));
    this.#watchAll();
    this.#stops.push(
      mail.watch(null, () => {
        this.#listTouched = true;
        this.#wake();
      }),
    );
    if (!status) return;
    for (const watched of this.#watched.values()) {
      if (watched.mailbox.id !== this.#session.view?.mailbox.id) this.#tellStatus(watched, true);
    }
  }

  stop(): void {
    for (const stop of [...this.#stops, ...[...this.#watched.values()].map((one) => one.stop)]) stop();
    this.#stops = [];
    this.#watched.clear();
    this.#selected?.stop();
    this.#selected = null;
  }

  /** Waits for what is being told, so that a command can begin. */
  async settled(): Promise<void> {
    while (this.#round !== null) await this.#round;
  }

  /** At the end of a command, and whenever another mailbox may be selected. */
  async flush(): Promise<void> {
    this.#follow();
    if (this.#listTouched) this.#tellList();
    for (const id of this.#touched) {
      const watched = this.#watched.get(id);
      if (watched !== undefined && id !== this.#session.view?.mailbox.id) this.#tellStatus(watched, false);
    }
    this.#touched.clear();
  }

  /** A command is over: what came too late for it is told now. */
  resume(): void {
    if (this.#selectedTouched || this.#listTouched || this.#touched.size > 0) this.#wake();
  }

  #wake(): void {
    const { busy, closing, notifier } = this.#session;
    if (busy || closing || notifier !== this || this.#round !== null) return;
    this.#round = this.#run()
      .catch((error: unknown) => this.#session.reportBug(error))
      .finally(() => {
        this.#round = null;
        this.resume();
      });
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const session = this.#session;
    // A command has begun meanwhile: its end tells.
    if (session.busy || session.closing || session.mail === null) return;
    const isTouched = this.#selectedTouched;
    // What comes while this is told is told next.
    this.#selectedTouched = false;
    if (isTouched && session.view !== null) await this.#tellSelected();
    await this.flush();
    session.out.flush();
  }

  async #tellSelected(): Promise<void> {
    const session = this.#session;
    const { view } = session.selected;
    const group = this.#selectedGroup();
    if (group === undefined || group.events.size === 0) return;
    const before = view.uidNext;
    await sendUpdates(session, group.filter === 'selected');
    if (session.view !== view || group.fetch.length === 0) return;
    const from = view.lowerBound(before);
    const places = Array.from({ length: view.count - from }, (_, i) => from + i);
    if (places.length === 0) return;
    const writers = group.fetch.flatMap((item) => fetchItemsByName.get(item.name)?.writer(item, session) ?? []);
    await respond(session, places, writers, [...new Set(writers.flatMap((writer) => writer.columns))]);
  }

  #selectedGroup(): EventGroup | undefined {
    return this.#groups.find(({ filter }) => filter.startsWith('selected'));
  }

  /** Names that are mailboxes. */
  #list(): Map<MailboxId, string> {
    return new Map(this.#session.mail!.list().flatMap(({ id, name, selectable }) => (selectable ? [[id, name] as const] : [])));
  }

  /** Watches the mailbox that is selected now. */
  #follow(): void {
    const id = this.#session.view?.mailbox.id ?? null;
    if (id === (this.#selected?.id ?? null)) return;
    this.#selected?.stop();
    this.#selected = null;
    if (id === null || (this.#selectedGroup()?.events.size ?? 0) === 0) return;
    const stop = this.#session.mail!.watch(id, () => {
      this.#selectedTouched = true;
      this.#wake();
    });
    this.#selected = { id, stop };
  }

  #watchAll(): void {
    const mail = this.#session.mail!;
    this.#follow();
    const there = new Set<MailboxId>();
    for (const mailbox of mail.list()) {
      if (!mailbox.selectable || there.size >= mostWatched || !mail.rights(mailbox.id).includes('r')) continue;
      const events = this.#eventsOf(mailbox.name);
      if (!events.has('MessageNew')) continue;
      there.add(mailbox.id);
      const known = this.#watched.get(mailbox.id);
      if (known !== undefined) {
        this.#watched.set(mailbox.id, { ...known, mailbox });
        continue;
      }
      const stop = mail.watch(mailbox.id, () => {
        this.#touched.add(mailbox.id);
        this.#wake();
      });
      this.#watched.set(mailbox.id, { mailbox, events, stop, told: mail.status(mailbox.id) });
    }
    for (const [id, one] of this.#watched) {
      if (there.has(id)) continue;
      one.stop();
      this.#watched.delete(id);
    }
  }

  /** By the first group that has the mailbox. RFC 5465 6 */
  #eventsOf(name: string): ReadonlySet<NotifyEvent> {
    const session = this.#session;
    const matches = ({ filter, names }: EventGroup): boolean => {
      const paths = names.map((one) => session.fromWire(one));
      if (filter === 'inboxes') return name === 'INBOX';
      if (filter === 'personal') return session.mail!.route(name) === null;
      if (filter === 'subscribed') return this.#subscribed.has(name);
      if (filter === 'mailboxes') return paths.includes(name);
      return filter === 'subtree' && paths.some((path) => name === path || name.startsWith(`${path}/`));
    };
    return this.#groups.find(matches)?.events ?? new Set();
  }

  #tellStatus(watched: Watched, always: boolean): void {
    const { mailbox, events } = watched;
    const session = this.#session;
    if (session.mail!.get(mailbox.id) === null || !session.mail!.rights(mailbox.id).includes('r')) return;
    const now = session.mail!.status(mailbox.id);
    const { told } = watched;
    const counts = now.messages !== told.messages || now.uidNext !== told.uidNext;
    const changed = counts || (events.has('FlagChange') && now.highestModSeq !== told.highestModSeq);
    watched.told = now;
    if (!changed && !always) return;
    const items = [`MESSAGES ${now.messages}`, `UIDNEXT ${now.uidNext}`, `UIDVALIDITY ${now.uidValidity}`];
    if (events.has('FlagChange')) items.push(`HIGHESTMODSEQ ${now.highestModSeq}`);
    session.out.untagged(`STATUS ${session.toWire(mailbox.name)} (${items.join(' ')})`);
  }

  /** LIST responses for mailboxes made, renamed, removed, subscribed. RFC 5465 5.4, 5.5 */
  #tellList(): void {
    this.#listTouched = false;
    const session = this.#session;
    const mail = session.mail!;
    const tell = (name: string, attributes: string, more = '') =>
      session.out.untagged(`LIST (${attributes}) "${session.settings.separator}" ${session.toWire(name)}${more}`);
    const now = this.#list();
    for (const [id, name] of now) {
      const before = this.#names.get(id);
      if (before === name || !this.#eventsOf(name).has('MailboxName')) continue;
      tell(name, '', before === undefined ? '' : ` ("OLDNAME" (${session.toWire(before)}))`);
    }
    for (const [id, name] of this.#names) {
      if (!now.has(id) && this.#eventsOf(name).has('MailboxName')) tell(name, '\\NonExistent');
    }
    const subscribed = new Set(mail.subscriptions());
    for (const name of new Set([...subscribed, ...this.#subscribed])) {
      if (subscribed.has(name) === this.#subscribed.has(name) || !this.#eventsOf(name).has('SubscriptionChange')) continue;
      tell(name, subscribed.has(name) ? '\\Subscribed' : '');
    }
    this.#metadata?.tell();
    this.#names = now;
    this.#subscribed = subscribed;
    this.#watchAll();
  }
}
