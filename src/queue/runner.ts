import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { gauge } from '../base/metrics.ts';
import { formatAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import { Attempt } from './attempt.ts';
import { retryDelay } from './backoff.ts';
import { DestinationWindow } from './destination-window.ts';
import type { NoticesDue, RecipientOutcome } from './engine.ts';
import { newRows, spoolSource } from './new-rows.ts';
import { noticeFor } from './notice-rule.ts';
import type { OpenQueue } from './open.ts';
import { OutcomeJournal } from './outcome-journal.ts';
import { processStart } from './process-alive.ts';
import type { NewQueued, QueueId } from './queue.ts';
import type { Job, JobOutcome, QueuedRecipient, Transport, TransportName } from './transport.ts';

export interface RunnerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly transports: Readonly<Record<TransportName, Transport>>;
  /** The DSN that tells a sender; null: nobody is to be told. */
  readonly notice: (due: NoticesDue) => Promise<NewQueued | null>;
  /** Hears of each outcome, for the trace. */
  readonly onOutcome?: (job: Job, recipient: QueuedRecipient, outcome: JobOutcome, notice: string | null) => void;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
}

/** All workers see one queue. */
const length = gauge('postcote_queue_deliveries', 'Deliveries in the queue, by state, as of the last ten seconds.', ['state']);

/** Milliseconds of real time. */
const every = { poll: 1_000, beat: 10_000, sweep: 5_000 };
const leaseTime = 60_000;
/** Milliseconds of the machine's run, the same in all its processes: no jump of the clock makes a worker seem dead. */
const uptime = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/**
 * Runs the queue in this process: claims what is due, hands it to transports, writes down what became of it.
 *
 * A claim takes jobs from destinations in turn; how many one destination gets is its window's business. Jobs are leased to this
 * process as long as it beats; when it is gone another takes them over, with what the outcome journal says was done already.
 */
export class Runner {
  readonly #queue: OpenQueue;
  readonly #deps: RunnerDeps;
  readonly #journal: OutcomeJournal;
  readonly #windows = new Map<string, DestinationWindow>();
  readonly #running = new Set<Promise<void>>();
  readonly #attempts = new Set<Attempt>();
  readonly #timers: NodeJS.Timeout[];
  readonly #stopListening: () => void;
  readonly #started: Promise<void>;
  #after = '';
  #pending = 0;
  #claiming: Promise<void> | null = null;
  #again = false;
  #closed = false;
  /** What the last claim left behind, or another one may find. */
  #more = true;
  /** Nothing is claimed before others can tell that this process lives. */
  #known = false;
  readonly #telling = new Set<QueueId>();

  constructor(queue: OpenQueue, deps: RunnerDeps) {
    this.#queue = queue;
    this.#deps = deps;
    this.#journal = new OutcomeJournal(join(queue.settings.dir, 'outcome'), queue.owner);
    this.#stopListening = queue.onEnqueued(() => void this.kick());
    queue.taker = {
      reserve: (destination) => this.#reserve(destination),
      release: (destination) => {
        this.#window(destination).reserved--;
        this.#pending--;
      },
      start: (job) => this.#take(job),
    };
    this.#timers = [
      setInterval(() => void this.kick(), every.poll),
      setInterval(() => this.#guard('beat', this.#beat(false)), every.beat),
      setInterval(() => this.#guard('count', this.#count()), every.beat),
      setInterval(() => this.#guard('sweep', this.sweep()), every.sweep),
    ];
    for (const timer of this.#timers) timer.unref();
    this.#started = this.#start();
    this.#guard('start', this.#started);
  }

  async #start(): Promise<void> {
    await this.#beat(true);
    this.#known = true;
    await this.sweep();
    await this.kick();
    await this.#count();
    const orphans = await this.#queue.thread.ask('removeOrphans', { now: this.#deps.clock.now() });
    if (orphans > 0) this.#deps.log.info({ orphans }, 'removed spool files that no mail belongs to');
  }

  #guard(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.#closed) this.#deps.log.error({ error: String(error) }, `queue: ${what} failed`);
    });
  }

  async #beat(isNew: boolean): Promise<void> {
    const worker = {
      id: this.#queue.owner,
      pid: process.pid,
      started: processStart(process.pid),
      until: uptime() + leaseTime,
    };
    if (!(await this.#queue.thread.ask('beat', { worker, isNew }))) this.#deps.log.warn({}, 'queue: this worker was taken for dead');
  }

  async #count(): Promise<void> {
    const lengths = await this.#queue.thread.ask('lengths', {});
    for (const [state, deliveries] of Object.entries(lengths)) length.set(deliveries, state);
  }

  /** Takes over from the dead, expires, warns, tells senders. */
  async sweep(): Promise<void> {
    const due = await this.#queue.thread.ask('sweep', {
      owner: this.#queue.owner,
      now: this.#deps.clock.now(),
      uptime: uptime(),
      longest: this.#queue.settings.maximalBackoffTime,
    });
    for (const id of due) await this.#tell(id);
  }

  /** Claims and starts what it can. Calls that come meanwhile are one more round. */
  kick(): Promise<void> {
    this.#again = true;
    this.#claiming ??= this.#claimAll().finally(() => {
      this.#claiming = null;
      // A kick that came between the last look and here.
      if (this.#again && this.#known && !this.#closed && this.#room > 0) void this.kick();
    });
    return this.#claiming;
  }

  get #room(): number {
    return this.#queue.settings.activeLimit - this.#running.size - this.#pending;
  }

  async #claimAll(): Promise<void> {
    while (this.#again && this.#known && !this.#closed) {
      this.#again = false;
      const want = this.#room;
      if (want <= 0) return;
      try {
        const slots = new Map([...this.#windows].map(([name, window]) => [name, window.room]));
        const slot = 2 * this.#queue.settings.initialDestinationConcurrency;
        const now = this.#deps.clock.now();
        const { jobs, after, more } = await this.#queue.thread.ask('claim', {
          owner: this.#queue.owner,
          now,
          want,
          after: this.#after,
          slots,
          slot,
        });
        this.#after = after;
        this.#more = more;
        for (const job of jobs) this.#take(job);
        if (jobs.length === want) this.#again = true;
      } catch (error) {
        if (!this.#closed) this.#deps.log.error({ error: String(error) }, 'queue: claim failed');
      }
    }
  }

  #window(name: string): DestinationWindow {
    let window = this.#windows.get(name);
    if (window === undefined) {
      const { settings } = this.#queue;
      window = new DestinationWindow(settings.initialDestinationConcurrency, () => settings.destinationConcurrencyLimit);
      this.#windows.set(name, window);
    }
    return window;
  }

  /** A place for a message that is being queued, so that it need not be claimed. */
  #reserve(destination: string): boolean {
    if (!this.#known || this.#closed || this.#room <= 0) return false;
    const window = this.#window(destination);
    if (window.room <= 0 || window.blockedUntil > this.#deps.clock.now()) return false;
    window.reserved++;
    this.#pending++;
    return true;
  }

  #take(job: Job): void {
    const window = this.#window(job.destination);
    window.pending.push(job);
    this.#pending++;
    this.#startSome(window);
  }

  #startSome(window: DestinationWindow): void {
    while (window.mayStart && !this.#closed) {
      const job = window.pending.shift()!;
      this.#pending--;
      window.active++;
      const work: Promise<void> = this.#run(job, window).finally(() => {
        this.#running.delete(work);
      });
      this.#running.add(work);
    }
  }

  async #run(job: Job, window: DestinationWindow): Promise<void> {
    try {
      await this.#deliver(job, window);
    } catch (error) {
      // The lease stays until this process ends or is taken for dead.
      this.#deps.log.error({ queue_id: job.id, error: String(error) }, 'queue: outcome could not be written');
    }
    window.active--;
    this.#startSome(window);
    if (this.#more && (window.pending.length === 0 || this.#pending < this.#queue.settings.activeLimit / 4)) void this.kick();
    if (window.active === 0 && window.pending.length === 0 && window.reserved === 0 && window.failures === 0 && this.#windows.size > 1000) {
      this.#windows.delete(job.destination);
    }
  }

  async #deliver(job: Job, window: DestinationWindow): Promise<void> {
    const { clock, log, transports, onOutcome } = this.#deps;
    const outcomes = new Map<number, RecipientOutcome>();
    let reached = false;
    let unreachable: JobOutcome | null = null;
    const report = (recipient: QueuedRecipient, outcome: JobOutcome): void => {
      if (outcomes.has(recipient.id)) return;
      const notice = this.#noticeOf(job, recipient, outcome);
      const { result, reply, relay } = outcome;
      const record = { recipient: recipient.id, result, reply: reply.slice(0, 2_000), relay, notice };
      outcomes.set(recipient.id, record);
      this.#journal.record({ ...record, job: job.job, token: job.token });
      if (outcome.unreachable === true) unreachable = outcome;
      else reached = true;
      log.info(
        {
          queue_id: job.id,
          address: formatAddress(recipient.address),
          relay,
          result,
          reply: reply.slice(0, 500),
          delay: clock.now() - job.created,
        },
        result,
      );
      onOutcome?.(job, recipient, outcome, notice);
    };
    let reply = '451 4.3.0 No outcome';
    const attempt = new Attempt(transports[job.transport], job, report);
    this.#attempts.add(attempt);
    try {
      await attempt.run();
    } catch (error) {
      reply = `451 4.3.0 ${error instanceof Fault ? error.detail : 'Local error'}`;
      if (!(error instanceof Fault))
        log.error({ queue_id: job.id, error: error instanceof Error ? error.stack : String(error) }, 'transport failed');
    }
    this.#attempts.delete(attempt);
    if (attempt.hung) {
      const minutes = attempt.limit / 60_000;
      reply = `451 4.3.0 Local error: the attempt had no end after ${minutes} minutes`;
      log.error(
        { queue_id: job.id, transport: job.transport, destination: job.destination, minutes },
        'delivery hangs, given up until later',
      );
    }
    const untried = attempt.stopped && !attempt.hung && job.recipients.some((recipient) => !outcomes.has(recipient.id));
    if (!untried) for (const recipient of job.recipients) report(recipient, { result: 'deferred', reply, relay: null });

    const now = clock.now();
    let block = null;
    if (unreachable !== null) {
      const opened = window.unreachable(now, this.#queue.settings.maximalBackoffTime);
      if (opened !== null) block = { ...opened, reply: (unreachable as JobOutcome).reply.slice(0, 2_000) };
    } else if (reached) window.reached();
    const { minimalBackoffTime, maximalBackoffTime } = this.#queue.settings;
    const delay = retryDelay(job.attempts + 1, (this.#deps.random ?? Math.random)(), minimalBackoffTime, maximalBackoffTime);
    const { lost, notices } = await this.#queue.thread.ask('finish', {
      job: job.job,
      token: job.token,
      now,
      outcomes: [...outcomes.values()],
      retryAt: untried ? null : now + delay,
      block,
      unblock: unreachable === null && reached,
    });
    this.#journal.committed(job.job);
    if (lost) log.warn({ queue_id: job.id }, 'queue: the lease was taken over meanwhile');
    if (notices !== null) await this.#tell(notices);
  }

  #noticeOf(job: Job, recipient: QueuedRecipient, { result, dsnPassedOn }: JobOutcome) {
    if (result === 'deferred' || dsnPassedOn === true) return null;
    const event = result === 'failed' ? 'failed' : job.transport === 'local' ? 'delivered' : 'relayed';
    return noticeFor(job.envelope.reversePath, recipient.notify, event);
  }

  /** Sends the DSN that is due for a message. */
  async #tell(id: QueueId): Promise<void> {
    if (this.#telling.has(id)) return;
    this.#telling.add(id);
    try {
      const due = await this.#queue.thread.ask('noticesOf', { id });
      if (due === null) return;
      for (const [, recipients] of Map.groupBy(due.recipients, (row) => row.notice)) await this.#tellOf({ ...due, recipients });
      void this.kick();
    } catch (error) {
      if (!this.#closed) this.#deps.log.error({ queue_id: id, error: String(error) }, 'queue: DSN could not be written');
    } finally {
      this.#telling.delete(id);
    }
  }

  /** Sends one DSN, about one kind of event. */
  async #tellOf(due: NoticesDue): Promise<void> {
    const { thread, settings, destinationOf } = this.#queue;
    const { id } = due.message;
    const told = due.recipients.map((row) => ({ recipient: row.id, notice: row.notice! }));
    const mail = await this.#deps.notice(due);
    if (mail === null) {
      await thread.ask('notified', { id, told, dsn: null });
      return;
    }
    const source = spoolSource(mail);
    const rows = newRows(mail, this.#deps.clock.now(), settings, destinationOf);
    const sent = await thread.ask('notified', { id, told, dsn: { rows, source } }, [source.bytes.buffer]);
    if (sent) this.#deps.log.info({ queue_id: id, dsn: mail.id, event: told[0]?.notice }, 'sender notified');
  }

  /** Resolves when nothing is ready or being tried here. For tests. */
  async idle(): Promise<void> {
    await this.#started;
    do {
      await this.kick();
      await Promise.all(this.#running);
    } while (this.#running.size > 0 || this.#pending > 0 || this.#claiming !== null);
  }

  /** Deliveries under way may finish until `deadline` (milliseconds), then are cut off; all leases are given back. */
  async close(deadline = 5_000): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopListening();
    this.#queue.taker = null;
    const timer = setTimeout(() => {
      for (const attempt of this.#attempts) attempt.stop();
    }, deadline);
    await this.#claiming?.catch(() => {});
    await Promise.all(this.#running);
    clearTimeout(timer);
    await this.#queue.thread.ask('leave', { owner: this.#queue.owner });
    this.#journal.close();
    for (const transport of Object.values(this.#deps.transports)) await transport.close?.();
  }
}

export function startRunner(queue: OpenQueue, deps: RunnerDeps): Runner {
  return new Runner(queue, deps);
}
