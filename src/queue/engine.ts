import { join } from 'node:path';
import { migrate } from '../db/migrate.ts';
import { type Database, openDatabase } from '../db/open.ts';
import { alwaysPrompt, promptTransaction } from '../db/transaction.ts';
import { Copies, mayBeFiled } from './copies.ts';
import { noticeFor } from './notice-rule.ts';
import { journalOwners, readJournal, removeJournal } from './outcome-journal.ts';
import { isAlive } from './process-alive.ts';
import type { QueueId } from './queue.ts';
import type { Spool } from './spool.ts';
import { type DestinationRow, destinationTable } from './tables/destination.ts';
import { held, type JobRow, jobTable, leased, ready, waiting } from './tables/job.ts';
import { envelopeOf, type MessageRow, messageTable } from './tables/message.ts';
import { type Notice, type RecipientRow, recipientOf, recipientTable } from './tables/recipient.ts';
import { type WorkerRow, workerTable } from './tables/worker.ts';
import type { Job, TransportName } from './transport.ts';

/** A message as it becomes rows. */
export interface NewRows {
  readonly message: Omit<MessageRow, 'size'>;
  readonly jobs: readonly {
    readonly transport: TransportName;
    readonly destination: string;
    readonly recipients: readonly Pick<RecipientRow, 'local_part' | 'domain' | 'original' | 'orcpt' | 'notify'>[];
  }[];
  /** When it may be tried first; after `created` where its sender wants it so. */
  readonly due: number;
  readonly expires: number;
  readonly warnAt: number | null;
}

/** Who would begin with a new message at once, and where there is room. */
export interface Lease {
  readonly owner: string;
  readonly destinations: readonly string[];
}

/** A job of a new message that is leased with it. */
export interface LeasedJob {
  readonly job: number;
  readonly token: number;
  /** Which of the message's jobs. */
  readonly index: number;
  /** In order. */
  readonly recipients: readonly number[];
}

/** All that is known of a message. */
export interface Whole {
  readonly message: MessageRow;
  readonly jobs: readonly JobRow[];
  readonly recipients: readonly RecipientRow[];
  /** Destinations that its jobs, ready as they are, wait for. */
  readonly blocks: readonly DestinationRow[];
}

export interface Claim {
  readonly owner: string;
  readonly now: number;
  /** Jobs at most. */
  readonly want: number;
  /** Where the last claim stopped; destinations take turns. */
  readonly after: string;
  /** Jobs that a destination may have, where it is not `slot`. */
  readonly slots: ReadonlyMap<string, number>;
  readonly slot: number;
}

export interface Claimed {
  readonly jobs: readonly Job[];
  readonly after: string;
  /** Something is ready still: there was no room for it, or its destination is blocked. */
  readonly more: boolean;
  /** When the next waiting job is due, null when none waits. */
  readonly nextDue: number | null;
}

export interface RecipientOutcome {
  readonly recipient: number;
  readonly result: 'delivered' | 'deferred' | 'failed';
  readonly reply: string;
  readonly relay: string | null;
  readonly notice: Notice | null;
}

export interface Finish {
  readonly job: number;
  readonly token: number;
  readonly now: number;
  readonly outcomes: readonly RecipientOutcome[];
  /** When recipients that are left are tried again; null: give the job back as it was. */
  readonly retryAt: number | null;
  /** The destination could not be reached / could. */
  readonly block: { readonly until: number; readonly failures: number; readonly reply: string } | null;
  readonly unblock: boolean;
}

/** Recipients of a message about which its sender must hear. */
/** Milliseconds: since 1970, of the machine's run, between attempts. */
export interface SweepRequest {
  readonly owner: string;
  readonly now: number;
  readonly uptime: number;
  readonly longest: number;
}

export interface NoticesDue {
  readonly message: MessageRow;
  readonly recipients: readonly RecipientRow[];
  /** The message, where it has no file. */
  readonly text: Uint8Array | null;
}

const batch = 500;

/**
 * All that happens to queued mail, each method the body of one transaction. Plain synchronous code; in the server it runs in the
 * queue's thread, in the command line directly.
 */
export class QueueEngine {
  readonly #db: Database;
  readonly #dir: string;
  readonly #spool: Spool;
  readonly #message;
  readonly #job;
  readonly #recipient;
  readonly #destination;
  readonly #worker;
  readonly #copies: Copies;
  #unlink: string[] = [];
  /** Messages gone from the database, whose files are not yet. */
  #removed: string[] = [];

  readonly #durable: boolean;

  /** @param durable commits wait for the disk; else the caller syncs, and all that it asks for is inside `commit` */
  constructor(dir: string, spool: Spool, durable = true) {
    this.#dir = dir;
    this.#spool = spool;
    this.#durable = durable;
    this.#db = openDatabase(join(dir, 'queue.sqlite'), { synchronous: durable ? 'FULL' : 'NORMAL', cacheSize: 16 << 20 });
    migrate(this.#db, 'queue');
    if (!durable) alwaysPrompt(this.#db);
    this.#message = messageTable(this.#db);
    this.#job = jobTable(this.#db);
    this.#recipient = recipientTable(this.#db);
    this.#destination = destinationTable(this.#db);
    this.#worker = workerTable(this.#db);
    this.#copies = new Copies(this.#db);
  }

  /** One transaction. Files of messages that are gone are removed once that is durable: here, or by who asks `takeRemoved`. */
  commit<T>(work: () => T): T {
    this.#unlink = [];
    const result = promptTransaction(this.#db, work);
    this.#removed.push(...this.#unlink);
    if (this.#durable) for (const id of this.takeRemoved()) this.#spool.remove(id);
    return result;
  }

  /** Messages whose files may go once it is durable that they are gone. */
  takeRemoved(): string[] {
    return this.#removed.splice(0);
  }

  /** Writes files, not yet durable, of messages that stay. @returns their ids; once files are synced: `dropCopies` */
  fileCopies(now: number, limit: number): string[] {
    const copies = this.commit(() => this.#copies.due(now, limit).map((id) => [id, this.#copies.text(id)] as const));
    for (const [id, text] of copies) if (text !== null) this.#spool.restore(id, text);
    return copies.map(([id]) => id);
  }

  dropCopies(ids: readonly string[]): void {
    for (const id of ids) this.#copies.remove(id);
  }

  /**
   * Where no copy is given, the spool file is durable already.
   * @returns jobs leased to who asks for them: those at whose destination nobody waits, and which is not blocked
   */
  enqueue(rows: NewRows, size: number, copy: Uint8Array | null, lease: Lease | null = null): LeasedJob[] {
    this.#message.insert({ ...rows.message, size });
    if (copy !== null) this.#copies.put(rows.message.id, rows.message.created, copy);
    const sender = rows.message.sender ?? rows.message.reverse_domain ?? '';
    const begun: LeasedJob[] = [];
    for (const [index, { transport, destination, recipients }] of rows.jobs.entries()) {
      const isLeased =
        rows.due <= rows.message.created &&
        lease?.destinations.includes(destination) === true &&
        this.#destination.get(destination) === undefined &&
        !this.#job.readyAt(destination);
      const row = {
        message_id: rows.message.id,
        transport,
        destination,
        sender,
        state: rows.due > rows.message.created ? (waiting as JobRow['state']) : ready,
        due: rows.due,
        expires: rows.expires,
        warn_at: rows.warnAt,
        cost: recipients.length,
      };
      const job = isLeased ? this.#job.insertLeased(row, lease.owner) : this.#job.insert(row);
      const ids = recipients.map((recipient) => this.#recipient.insert({ ...recipient, message_id: rows.message.id, job_id: job }));
      if (isLeased) begun.push({ job, token: 1, index, recipients: ids });
    }
    return begun;
  }

  /** Leases what is ready: destinations in turn, in each by fair order between senders. */
  claim({ owner, now, want, after, slots, slot }: Claim): Claimed {
    this.#job.promote(now, batch);
    const jobs: Job[] = [];
    let at = after;
    let first: string | null = null;
    for (let steps = 0; jobs.length < want && steps < 10_000; steps++) {
      const destination = this.#job.nextDestination(at) ?? this.#job.nextDestination('');
      if (destination === null || destination === first) break;
      first ??= destination;
      at = destination;
      const blocked = this.#destination.get(destination);
      if (blocked !== undefined && blocked.blocked_until > now) continue;
      // After a failure one job tells whether the destination is back.
      const room = Math.min(slots.get(destination) ?? slot, blocked === undefined ? want : 1, want - jobs.length);
      if (room <= 0) continue;
      for (const row of this.#job.front(destination, room)) {
        const token = this.#job.lease(row.id, owner);
        if (token !== null) jobs.push(this.#jobOf(row, token));
      }
      // The others wait for what it finds out.
      if (blocked !== undefined) this.#destination.put({ ...blocked, blocked_until: now + 60_000 });
    }
    return { jobs, after: at, more: this.#job.nextDestination('') !== null, nextDue: this.#job.nextDue() };
  }

  #jobOf(row: JobRow, token: number): Job {
    const message = this.#message.get(row.message_id)!;
    const copy = this.#copies.text(message.id);
    return {
      job: row.id,
      token,
      id: row.message_id,
      transport: row.transport,
      destination: row.destination,
      envelope: envelopeOf(message),
      sender: message.sender,
      created: message.created,
      attempts: row.attempts,
      message: { file: this.#spool.path(message.id), size: message.size, ...(copy !== null && { bytes: copy }) },
      recipients: this.#recipient.queuedOf(row.id).map(recipientOf),
    };
  }

  /** @returns the message when its sender must hear something now; `lost` when the lease was taken over and nothing was changed */
  finish({ job, token, now, outcomes, retryAt, block, unblock }: Finish): { lost: boolean; notices: QueueId | null } {
    const row = this.#job.get(job);
    if (row?.state !== leased || row.lease_token !== token) return { lost: true, notices: null };
    for (const outcome of outcomes) this.#settleRecipient(outcome);
    if (block !== null)
      this.#destination.put({ name: row.destination, blocked_until: block.until, failures: block.failures, reply: block.reply });
    else if (unblock) this.#destination.remove(row.destination);
    if (!this.#recipient.anyQueued(job)) this.#job.remove(job);
    else if (retryAt === null) this.#job.settle(job, token, row.attempts, row.due, ready);
    else this.#job.settle(job, token, row.attempts + 1, retryAt, waiting);
    return { lost: false, notices: this.#afterChange(row.message_id, now) };
  }

  #settleRecipient({ recipient, result, reply, relay, notice }: RecipientOutcome): void {
    this.#recipient.update({ id: recipient, state: result === 'deferred' ? 'queued' : result, reply, relay, notice });
  }

  /** Removes a message when all is done; else says whether its sender must hear something now. */
  #afterChange(id: QueueId, now = Number.POSITIVE_INFINITY): QueueId | null {
    if (this.#recipient.hasNotice(id)) return this.#job.active(id) === 0 ? id : null;
    if (!this.#job.any(id)) this.#remove(id, now);
    return null;
  }

  #remove(id: QueueId, now = Number.POSITIVE_INFINITY): void {
    this.#recipient.remove(id);
    const copied = this.#copies.remove(id);
    this.#message.remove(id);
    // A copy that is old enough may be on its way to a file.
    if (copied === null || (mayBeFiled(copied, now) && this.#spool.has(id))) this.#unlink.push(id);
  }

  noticesOf(id: string): NoticesDue | null {
    const message = this.#message.get(id);
    const recipients = this.#recipient.notices(id);
    return message === undefined || recipients.length === 0 ? null : { message, recipients, text: this.#copies.text(id) };
  }

  /**
   * Takes note that the sender was told, in one transaction with the DSN that tells it.
   * @returns false when another worker has told it
   */
  notified(
    id: QueueId,
    told: readonly { readonly recipient: number; readonly notice: Notice }[],
    dsn: { rows: NewRows; size: number; copy: Uint8Array | null } | null,
  ): boolean {
    const first = told[0];
    const row = first === undefined ? undefined : this.#recipient.get(first.recipient);
    if (first === undefined || row?.notice !== first.notice) return false;
    for (const { recipient, notice } of told) this.#recipient.clearNotice(recipient, notice);
    if (dsn !== null) this.enqueue(dsn.rows, dsn.size, dsn.copy);
    this.#afterChange(id);
    return true;
  }

  /** Says that a worker lives. @returns false when others took it for dead and its leases are gone */
  beat(worker: WorkerRow, isNew: boolean): boolean {
    const known = isNew || this.#worker.has(worker.id);
    this.#worker.put(worker);
    return known;
  }

  /** A worker that leaves gives its leases back. */
  leave(owner: string): void {
    this.#job.unlease(owner);
    this.#worker.remove(owner);
  }

  /**
   * Takes over from workers that are gone, gives up on expired mail, notes delays.
   * @returns messages whose senders must hear something
   */
  sweep({ owner, now, uptime, longest }: SweepRequest): QueueId[] {
    for (const worker of this.#worker.others(owner)) {
      if (worker.until <= uptime || !isAlive(worker.pid, worker.started)) this.#takeOver(worker.id);
    }
    // One that was gone before it could even say that it lived.
    for (const holder of this.#job.owners()) if (holder !== owner && !this.#worker.has(holder)) this.#takeOver(holder);
    // The clock went back: nothing waits longer than the longest pause.
    this.#job.bringForward(now, now + longest);
    this.#destination.bringForward(now, now + longest);
    for (const job of this.#job.expired(now, batch)) this.#expire(job, now);
    for (const job of this.#job.late(now, batch)) this.#warn(job);
    this.#destination.removeOld(now - 86_400_000);
    return this.#recipient.noticeDue('', batch).filter((id) => this.#job.active(id) === 0);
  }

  #takeOver(owner: string): void {
    const journal = join(this.#dir, 'outcome');
    for (const record of readJournal(journal, owner)) {
      const row = this.#job.get(record.job);
      if (row?.state === leased && row.lease_owner === owner && row.lease_token === record.token) this.#settleRecipient(record);
    }
    for (const row of this.#job.leasedBy(owner)) {
      if (this.#recipient.queuedOf(row.id).length > 0) continue;
      this.#job.remove(row.id);
      this.#afterChange(row.message_id);
    }
    this.leave(owner);
    removeJournal(journal, owner);
  }

  #expire(job: JobRow, now: number): void {
    const message = this.#message.get(job.message_id)!;
    const { reversePath } = envelopeOf(message);
    const days = Math.max(1, Math.round((now - message.created) / 86_400_000));
    const elsewhere = this.#destination.get(job.destination)?.reply;
    for (const row of this.#recipient.queuedOf(job.id)) {
      const last = row.reply ?? elsewhere;
      // RFC 3463 3.5: 4.7 delivery time expired
      const reply = `550 5.4.7 Given up after ${days} day${days === 1 ? '' : 's'}${last === undefined ? '' : `; last answer: ${last}`}`;
      const notice = noticeFor(reversePath, recipientOf(row).notify, 'failed');
      this.#settleRecipient({ recipient: row.id, result: 'failed', reply, relay: row.relay, notice });
    }
    this.#job.remove(job.id);
    this.#afterChange(job.message_id);
  }

  #warn(job: JobRow): void {
    const { reversePath } = envelopeOf(this.#message.get(job.message_id)!);
    for (const row of job.state === held ? [] : this.#recipient.queuedOf(job.id)) {
      const notice = noticeFor(reversePath, recipientOf(row).notify, 'delayed');
      if (notice !== null && row.notice === null) this.#recipient.setNotice(row.id, notice);
    }
    this.#job.warned(job.id);
  }

  /** Spool files without rows: written by a process killed before its commit. And journals of workers that held nothing. */
  removeOrphans(now: number): number {
    let count = 0;
    const journal = join(this.#dir, 'outcome');
    for (const owner of journalOwners(journal)) {
      if (!this.#worker.has(owner) && !isAlive(Number.parseInt(owner, 10), '')) removeJournal(journal, owner);
    }
    for (const id of this.#spool.old(now - 3_600_000)) {
      if (this.#message.get(id) !== undefined) continue;
      this.#spool.remove(id);
      count++;
    }
    return count;
  }

  /** @returns jobs held; those being tried are not */
  hold(id: string): number {
    return this.#job.hold(id);
  }

  release(id: string): number {
    return this.#job.release(id);
  }

  /** Tries a message, or all, now. @returns jobs */
  flush(id: string | null): number {
    this.#destination.unblock();
    return id === null ? this.#job.flushAll() : this.#job.flush(id);
  }

  /** RFC 1985 */
  flushDestination(destination: string): number {
    const blocked = this.#destination.get(destination);
    if (blocked !== undefined) this.#destination.put({ ...blocked, blocked_until: 0 });
    return this.#job.flushDestination(destination);
  }

  /** Forgets a message; nobody is told. @returns whether there was one */
  remove(id: string): boolean {
    const message = this.#message.get(id);
    if (message === undefined) return false;
    for (const job of this.#job.byMessage(id)) this.#job.remove(job.id);
    this.#remove(message.id);
    return true;
  }

  list(after: string, limit: number): Whole[] {
    return this.#message.list(after, limit).map((message) => this.#whole(message));
  }

  show(id: string): Whole | null {
    const message = this.#message.get(id);
    return message === undefined ? null : this.#whole(message);
  }

  #whole(message: MessageRow): Whole {
    const jobs = this.#job.byMessage(message.id);
    const blocks = jobs.flatMap(({ state, destination }) => (state === ready ? (this.#destination.get(destination) ?? []) : []));
    return { message, jobs, recipients: this.#recipient.byMessage(message.id), blocks };
  }

  /** Deliveries by state, without those that are held. */
  lengths() {
    return this.#job.lengths();
  }

  stats() {
    return {
      ...this.#message.count(),
      jobs: Object.fromEntries(
        this.#job.counts().map(({ state, jobs }) => [(['ready', 'waiting', 'leased', 'held'] as const)[state], jobs]),
      ),
      destinations: this.#job.byDestination(100),
      blocked: this.#destination.all(),
    };
  }

  close(): void {
    this.#db.close();
  }
}
