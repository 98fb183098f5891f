import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Staged } from '../base/staging.ts';
import type { DirectorySource } from '../directory/directory.ts';
import { type Address, formatAddress, splitAddress } from '../mail/address.ts';
import type { Envelope, ForwardPath } from '../mail/envelope.ts';
import { Fault, type FaultKind } from '../mail/fault.ts';
import type { Queue, QueueId } from '../queue/queue.ts';
import type { MailStore } from '../store/store.ts';
import type { Delivery, Hop, RecipientResult } from './delivery.ts';
import { type HeaderFacts, headerFacts } from './header.ts';
import { deliverTo } from './mailbox.ts';
import { type LocalTarget, type Plan, plan } from './plan.ts';
import { deliveryFields, missingFields, received } from './trace.ts';

export interface DeliveryDeps {
  readonly directory: DirectorySource;
  readonly store: MailStore;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Log;
  /** In Received and Message-ID. */
  readonly hostname: string;
  /** Received fields a message may carry; default 50. RFC 5321 6.3 */
  readonly hopcountLimit?: number;
}

/** A message on its way through `accept`. */
interface Accepting {
  readonly id: QueueId;
  readonly envelope: Envelope;
  readonly message: Staged;
  readonly hop: Hop;
  /** Fields of this hop: Received and what was missing. */
  readonly prefix: string;
  readonly messageId: string;
}

export function createDelivery(deps: DeliveryDeps): Delivery {
  const { directory, store, queue, clock, log, hostname } = deps;
  const hopcountLimit = deps.hopcountLimit ?? 50;

  function begin(id: QueueId, envelope: Envelope, message: Staged, hop: Hop, facts: HeaderFacts): Accepting {
    const now = clock.now();
    const only = envelope.forwardPaths.length === 1 ? envelope.forwardPaths[0]!.address : null;
    const trace = received(hop, hostname, id, now, only);
    if (hop.submission !== true) return { id, envelope, message, hop, prefix: trace, messageId: facts.messageId };
    const { text, messageId } = missingFields(facts, envelope.reversePath, hostname, now);
    return { id, envelope, message, hop, prefix: trace + text, messageId };
  }

  async function storeAll(mail: Accepting, targets: Plan['local']): Promise<ReadonlyMap<string, FaultKind | null>> {
    const one = async ([key, { account, path }]: [string, LocalTarget]) => {
      const prefix = deliveryFields(mail.envelope.reversePath, path.original, account.address) + mail.prefix;
      const fault = await deliverTo(store, account, mail.message, prefix, log);
      tell(mail, account.address, path, fault ?? 'stored');
      return [key, fault] as const;
    };
    return new Map(await Promise.all([...targets].map(one)));
  }

  /** @param queuedAs where it goes on under another id */
  function tell(mail: Accepting, address: string, path: ForwardPath, result: string, queuedAs?: QueueId): void {
    const { id, messageId, message, envelope, hop } = mail;
    const from = envelope.reversePath === null ? '<>' : formatAddress(envelope.reversePath);
    const fields = {
      session: hop.session,
      queue_id: id,
      message_id: messageId,
      address,
      original: path.original,
      from,
      client: hop.remoteAddress,
      helo: hop.helo,
      protocol: hop.protocol,
      login: hop.login,
      size: message.size,
      result,
      ...(queuedAs !== undefined && { queued_as: queuedAs }),
    };
    log.info(fields, 'delivery');
  }

  async function enqueue(mail: Accepting, id: QueueId, recipients: Parameters<Queue['enqueue']>[0]['recipients']): Promise<void> {
    const { forwardPaths: _, ...envelope } = mail.envelope;
    await queue.enqueue({
      id,
      envelope,
      recipients,
      message: mail.message,
      prefix: Buffer.from(mail.prefix),
      sender: mail.hop.login,
      submitted: mail.hop.submission === true,
    });
    const other = id === mail.id ? undefined : id;
    for (const path of recipients) tell(mail, formatAddress(path.address), path, 'queued', other);
  }

  /** What could not be stored while something else was: kept for later, or sent back by the queue. */
  async function keepBack(mail: Accepting, left: readonly ForwardPath[]): Promise<FaultKind | null> {
    try {
      await enqueue(
        mail,
        queue.nextId(),
        left.map((path) => ({ ...path, transport: 'local' as const })),
      );
      return null;
    } catch (error) {
      const kind = error instanceof Fault ? error.kind : 'internal';
      log.error({ queue_id: mail.id, err: error }, 'not queued; the client must send again to all');
      return kind;
    }
  }

  return {
    async accept(id, envelope, message, hop, known) {
      const facts = await headerFacts(message);
      if (facts.received > hopcountLimit) throw new Fault('tooMany', `${facts.received} hops`);
      const mail = begin(id, envelope, message, hop, facts);
      const { local, remote, paths } = await plan(envelope.forwardPaths, directory, facts.deliveredTo, known);
      const relayed = [...remote.values()].map((path) => ({ ...path, transport: 'relay' as const }));

      if ((envelope.releaseAt ?? 0) > clock.now()) {
        const leads = paths.map((lead) => (typeof lead === 'string' ? lead : null));
        const held = [...relayed, ...[...local.values()].map((target) => ({ ...ownPath(target), transport: 'local' as const }))];
        // Who leads nowhere was refused at RCPT, but for what changed since.
        if (leads.every((fault) => fault === null) && held.length > 0) await enqueue(mail, id, held);
        return results(envelope, leads);
      }

      // The queue first: once it has what goes elsewhere, nothing that follows can lose it.
      if (relayed.length > 0) await enqueue(mail, id, relayed);
      // Who asks to hear of success gets it from the queue, which writes notices. RFC 3461 5.2.3
      const asked = [...local].filter(([, { path }]) => envelope.reversePath !== null && path.notify?.includes('success') === true);
      const put =
        asked.length === 0
          ? null
          : await keepBack(
              mail,
              asked.map(([, target]) => ownPath(target)),
            );
      const rest = new Map([...local].filter((entry) => !asked.includes(entry)));
      const stored = new Map([...(await storeAll(mail, rest)), ...asked.map(([key]) => [key, put] as const)]);

      const faults = paths.map((lead) =>
        typeof lead === 'string' ? lead : (lead.map((key) => stored.get(key) ?? null).find((f) => f !== null) ?? null),
      );
      const anyAccepted = remote.size > 0 || [...stored.values()].includes(null);
      if (hop.replyPerRecipient === true || !anyAccepted || faults.every((fault) => fault === null)) {
        return results(envelope, faults);
      }
      const kept = await keepBack(mail, leftOver(envelope, paths, local, stored));
      return results(
        envelope,
        faults.map((fault) => (fault === null ? null : kept)),
      );
    },
  };
}

/** The account itself: its aliases have been followed. */
function ownPath({ account, path }: LocalTarget): ForwardPath {
  return { ...path, address: splitAddress(account.address) ?? path.address };
}

function results({ forwardPaths }: Envelope, faults: readonly (FaultKind | null)[]): readonly RecipientResult[] {
  return forwardPaths.map((path, i) => ({ path, fault: faults[i] ?? null }));
}

/** Accounts that could not be written to now, and paths that lead nowhere. */
function leftOver(
  { forwardPaths }: Envelope,
  paths: Plan['paths'],
  local: Plan['local'],
  stored: ReadonlyMap<string, FaultKind | null>,
): readonly ForwardPath[] {
  const accounts = [...local]
    .filter(([key]) => stored.get(key) !== null)
    .map(([, { account, path }]) => ({ ...path, address: addressOf(account.address) }));
  const nowhere = forwardPaths.filter((_, i) => typeof paths[i] === 'string');
  return [...accounts, ...nowhere];
}

function addressOf(text: string): Address {
  return splitAddress(text) ?? { localPart: text, domain: '' };
}
