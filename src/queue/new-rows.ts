import type { Address } from '../mail/address.ts';
import type { NewRows } from './engine.ts';
import type { NewQueued } from './queue.ts';
import type { QueueSettings } from './settings.ts';
import type { SpoolSource } from './spool.ts';
import { notifyText } from './tables/recipient.ts';
import type { TransportName } from './transport.ts';

/** Recipients that go the same way become one job. */
export function newRows(
  mail: NewQueued,
  now: number,
  settings: QueueSettings,
  destinationOf: (transport: TransportName, address: Address) => string,
): NewRows {
  const { envelope } = mail;
  const jobs = new Map<string, NewRows['jobs'][number] & { recipients: unknown[] }>();
  for (const recipient of mail.recipients) {
    const destination = destinationOf(recipient.transport, recipient.address);
    const key = `${recipient.transport} ${destination}`;
    const job = jobs.get(key) ?? { transport: recipient.transport, destination, recipients: [] };
    jobs.set(key, job);
    job.recipients.push({
      local_part: recipient.address.localPart,
      domain: recipient.address.domain,
      original: recipient.original,
      orcpt: recipient.orcpt ?? null,
      notify: notifyText(recipient.notify),
    });
  }
  const from = Math.max(now, envelope.releaseAt ?? 0);
  const lifetime = envelope.reversePath === null ? settings.bounceQueueLifetime : settings.maxQueueLifetime;
  return {
    message: {
      id: mail.id,
      created: now,
      reverse_local: envelope.reversePath?.localPart ?? null,
      reverse_domain: envelope.reversePath?.domain ?? null,
      body: envelope.body,
      smtputf8: envelope.smtputf8 ? 1 : 0,
      require_tls: envelope.requireTls ? 1 : 0,
      ret: envelope.ret ?? null,
      envid: envelope.envid ?? null,
      sender: mail.sender,
    },
    jobs: [...jobs.values()],
    due: from,
    expires: from + lifetime,
    warnAt: settings.delayWarningTime > 0 && envelope.reversePath !== null ? from + settings.delayWarningTime : null,
  };
}

/** One copy, of exactly its size, that can be handed to the thread without another. */
export function spoolSource(mail: Pick<NewQueued, 'message' | 'prefix'>): SpoolSource & { readonly bytes: Uint8Array<ArrayBuffer> } {
  const parts = mail.prefix === undefined ? mail.message.chunks : [mail.prefix, ...mail.message.chunks];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, file: mail.message.file };
}
