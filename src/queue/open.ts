import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import { copyLimit } from './copies.ts';
import type { NewRows } from './engine.ts';
import { queueIds } from './id.ts';
import { newRows, spoolSource } from './new-rows.ts';
import type { NewQueued, Queue, QueueId } from './queue.ts';
import type { QueueSettings } from './settings.ts';
import { envelopeOf } from './tables/message.ts';
import { recipientOf } from './tables/recipient.ts';
import { QueueThread } from './thread-client.ts';
import type { Job, TransportName } from './transport.ts';

export interface QueueDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** `Transport.destination` of the transport named; what jobs are grouped by. Default: the domain. */
  readonly destinationOf?: (transport: TransportName, address: Address) => string;
  /** Fields to put before a message that may be signed: DKIM-Signature. LF line ends, '' for none. */
  readonly sign?: (mail: NewQueued) => Promise<string>;
  /** Reverse path to give to mail that is sent on. Default: its own. */
  readonly reversePathOf?: (mail: NewQueued) => Promise<Address | null>;
  /** The thread ended by itself. Default: throw, which ends the process. */
  readonly onFailure?: (error: Error) => void;
}

/** Begins with messages at once, where there is room, instead of claiming them. */
export interface Taker {
  /** Promises a place. @returns false when there is none */
  reserve(destination: string): boolean;
  /** The promise is not needed. */
  release(destination: string): void;
  /** The job is leased to this process, and durable. */
  start(job: Job): void;
}

/** A queue and the parts that its runner needs. */
export interface OpenQueue extends Queue {
  readonly settings: QueueSettings;
  readonly thread: QueueThread;
  /** This process, as owner of leases. */
  readonly owner: string;
  readonly destinationOf: (transport: TransportName, address: Address) => string;
  /** Who begins with new messages; null: nobody. */
  taker: Taker | null;
  /** Called after each enqueue of this process that left something to be claimed. @returns stop */
  onEnqueued(listener: () => void): () => void;
}

/**
 * Opens the queue; any number of processes may. Mail moves only where a runner is started.
 * Changes to `settings`, but for `dir` and `queueMinfree`, are in force at once.
 */
export function openQueue(settings: QueueSettings, deps: QueueDeps): OpenQueue {
  const { clock, log } = deps;
  const onFailure =
    deps.onFailure ??
    ((error: Error) => {
      throw error;
    });
  const thread = new QueueThread({ dir: settings.dir, spoolDir: join(settings.dir, 'spool'), minfree: settings.queueMinfree }, onFailure);
  const destinationOf = deps.destinationOf ?? ((transport, address) => (transport === 'local' ? 'local' : address.domain));
  const listeners = new Set<() => void>();
  const nextId = queueIds(clock);
  return {
    settings,
    thread,
    owner: `${process.pid}-${randomBytes(6).toString('hex')}`,
    destinationOf,
    nextId,
    taker: null,

    async enqueue(given: NewQueued): Promise<void> {
      const mail = await signed(await sentOn(given, deps), deps);
      const rows = newRows(mail, clock.now(), settings, destinationOf);
      const source = spoolSource(mail);
      const started = await put(this, rows, source, mail.message.size + (mail.prefix?.length ?? 0));
      const { reversePath } = mail.envelope;
      const from = reversePath === null ? '<>' : formatAddress(reversePath);
      log.info(
        { queue_id: mail.id, from, recipients: mail.recipients.length, size: mail.message.size, sender: mail.sender ?? undefined },
        'queued',
      );
      if (started < rows.jobs.length) for (const listener of listeners) listener();
    },

    flush: async (id: QueueId | null = null) => {
      const jobs = await thread.ask('flush', { id });
      for (const listener of listeners) listener();
      return jobs;
    },

    flushDomain: async (domain: string) => {
      const destination = destinationOf('relay', { localPart: '', domain });
      const jobs = await thread.ask('flushDestination', { destination });
      for (const listener of listeners) listener();
      return jobs;
    },

    stats: () => thread.ask('stats', {}),

    onEnqueued(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    close: () => thread.close(),
  };
}

/** @returns how many of its jobs are begun */
async function put(
  { taker, thread, owner, settings }: OpenQueue,
  rows: NewRows,
  source: ReturnType<typeof spoolSource>,
  size: number,
): Promise<number> {
  const destinations =
    taker === null || rows.due > rows.message.created
      ? []
      : rows.jobs.flatMap(({ destination }) => (taker.reserve(destination) ? [destination] : []));
  const isShort = source.file === null && source.bytes.length <= copyLimit;
  try {
    const ask = { rows, source, lease: destinations.length === 0 ? null : { owner, destinations } };
    // What is begun at once is read from here.
    const begun = await thread.ask('enqueue', ask, isShort && destinations.length > 0 ? [] : [source.bytes.buffer]);
    for (const { job, token, index, recipients } of begun) {
      const { transport, destination, recipients: given } = rows.jobs[index]!;
      const { id, sender, created } = rows.message;
      taker?.start({
        job,
        token,
        id,
        transport,
        destination,
        envelope: envelopeOf({ ...rows.message, size }),
        sender,
        created,
        attempts: 0,
        message: { file: join(settings.dir, 'spool', id), size, ...(isShort && { bytes: source.bytes }) },
        recipients: recipients.map((recipient, n) => recipientOf({ ...given[n]!, id: recipient })),
      });
    }
    return begun.length;
  } finally {
    for (const destination of destinations) taker?.release(destination);
  }
}

async function signed(mail: NewQueued, { sign, log }: QueueDeps): Promise<NewQueued> {
  if (sign === undefined || mail.submitted !== true || !mail.recipients.some(({ transport }) => transport === 'relay')) return mail;
  try {
    const fields = Buffer.from(await sign(mail), 'latin1');
    return fields.length === 0 ? mail : { ...mail, prefix: mail.prefix === undefined ? fields : Buffer.concat([fields, mail.prefix]) };
  } catch (error) {
    // Unsigned mail is better than none.
    log.error({ queue_id: mail.id, error: String(error) }, 'message could not be signed');
    return mail;
  }
}

async function sentOn(mail: NewQueued, { reversePathOf }: QueueDeps): Promise<NewQueued> {
  if (reversePathOf === undefined || mail.envelope.reversePath === null) return mail;
  const reversePath = await reversePathOf(mail);
  return reversePath === mail.envelope.reversePath ? mail : { ...mail, envelope: { ...mail.envelope, reversePath } };
}
