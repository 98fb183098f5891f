import type { Log } from '../base/log.ts';
import type { Staged } from '../base/staging.ts';
import type { DirectorySource } from '../directory/directory.ts';
import type { ForwardPath } from '../mail/envelope.ts';
import type { FaultKind } from '../mail/fault.ts';
import { formatReply, type Reply } from '../mail/reply.ts';
import type { Queue } from '../queue/queue.ts';
import type { Job, JobOutcome, QueuedMessage, QueuedRecipient, Transport } from '../queue/transport.ts';
import type { MailStore } from '../store/store.ts';
import { headerFacts } from './header.ts';
import { deliverTo, isTemporary } from './mailbox.ts';
import { plan } from './plan.ts';
import { deliveryFields } from './trace.ts';

const replies: Partial<Record<FaultKind, Omit<Reply, 'text'> & { readonly text: string }>> = {
  overQuota: { code: 452, detail: '2.2', text: 'Mailbox full' },
  noSuchUser: { code: 550, detail: '1.1', text: 'User unknown in virtual mailbox table' },
  noSuchDomain: { code: 550, detail: '1.2', text: 'Domain is no longer here' },
  accountDisabled: { code: 550, detail: '2.1', text: 'Mailbox disabled, not accepting messages' },
  tooMany: { code: 554, detail: '4.6', text: 'Mail forwarding loop' },
  tooBig: { code: 552, detail: '3.4', text: 'Message too big' },
  storageFull: { code: 452, detail: '3.1', text: 'Insufficient system storage' },
};

const minute = 60_000;

export interface LocalTransportDeps {
  readonly directory: DirectorySource;
  readonly store: MailStore;
  readonly queue: Queue;
  readonly log: Log;
}

/** Brings queued mail to mailboxes of ours: what could not be stored inside DATA, and what local programs injected. */
export function localTransport({ directory, store, queue, log }: LocalTransportDeps): Transport {
  function passOn({ envelope, sender, message }: Job, paths: readonly ForwardPath[]): Promise<void> {
    const recipients = paths.map((path) => ({ ...path, transport: 'relay' as const }));
    return queue.enqueue({ id: queue.nextId(), envelope, recipients, message: spooled(message), sender });
  }

  async function one(job: Job, recipient: QueuedRecipient, message: Staged, deliveredTo: readonly string[]): Promise<JobOutcome> {
    const { local, remote, paths } = await plan([recipient], directory, deliveredTo);
    const [lead] = paths;
    if (typeof lead === 'string') return outcome(lead, recipient);
    // Mail that programs left in the queue unexpanded, or an account that has become an alias meanwhile.
    if (remote.size > 0) await passOn(job, [...remote.values()]);
    const faults = await Promise.all(
      [...local.values()].map(async ({ account }) => {
        const prefix = deliveryFields(job.envelope.reversePath, recipient.original, account.address);
        // The key has a second try after a crash find what the first one stored.
        const fault = await deliverTo(store, account, message, prefix, log, `${job.id}.${recipient.id}`);
        log.info({ queue_id: job.id, address: account.address, original: recipient.original, result: fault ?? 'stored' }, 'delivery');
        return fault;
      }),
    );
    const fault = faults.find((kind) => kind !== null) ?? null;
    return fault === null ? { result: 'delivered', reply: '250 2.0.0 delivered to mailbox', relay: null } : outcome(fault, recipient);
  }

  return {
    // One destination: the disk is shared by all mailboxes.
    destination: () => 'local',
    // Only a disk that hangs takes so long.
    timeLimit: ({ recipients }) => 60 * minute + recipients.length * minute,
    async deliver(job, report, signal) {
      const message = spooled(job.message);
      const { deliveredTo } = await headerFacts(message);
      for (const recipient of job.recipients) {
        if (signal.aborted) return;
        report(recipient, await one(job, recipient, message, deliveredTo));
      }
    },
  };
}

function spooled({ bytes, file, size }: QueuedMessage): Staged {
  return { size, ...(bytes === undefined ? { chunks: [], file } : { chunks: [bytes], file: null }), discard: async () => {} };
}

function outcome(fault: FaultKind, { original }: QueuedRecipient): JobOutcome {
  const { code, detail, text } = replies[fault] ?? { code: 451, detail: '3.0', text: 'Local error' };
  const reply = formatReply({ code, detail, text: `<${original}>: ${text}` }).trimEnd();
  return { result: isTemporary(fault) ? 'deferred' : 'failed', reply, relay: null };
}
