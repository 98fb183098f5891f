import { formatAddress } from '../mail/address.ts';
import type { QueueEngine } from './engine.ts';
import { envelopeOf } from './tables/message.ts';

export type WholeMessage = NonNullable<ReturnType<QueueEngine['show']>>;

const states = ['ready', 'waiting', 'active', 'held'] as const;

/** A queued message as `queue list --json` prints it. */
export function describeQueued({ message, jobs, recipients, blocks }: WholeMessage) {
  const { reversePath } = envelopeOf(message);
  const byId = new Map(jobs.map((job) => [job.id, job]));
  return {
    queue_id: message.id,
    arrival: new Date(message.created).toISOString(),
    size: message.size,
    sender: reversePath === null ? '' : formatAddress(reversePath),
    login: message.sender,
    state: jobs.some((job) => job.state === 2) ? 'active' : jobs.some((job) => job.state === 3) ? 'held' : 'queued',
    recipients: recipients.map((row) => {
      const job = byId.get(row.job_id);
      // Not tried, because others were and could not get there.
      const block = job?.state === 0 ? blocks.find(({ name }) => name === job.destination) : undefined;
      const next = job?.state === 1 ? job.due : block?.blocked_until;
      return {
        address: formatAddress({ localPart: row.local_part, domain: row.domain }),
        state: row.state === 'queued' && job !== undefined ? states[job.state] : row.state,
        attempts: job?.attempts ?? 0,
        next_attempt: next === undefined || row.state !== 'queued' ? null : new Date(next).toISOString(),
        destination: job?.destination ?? null,
        transport: job?.transport ?? null,
        relay: row.relay,
        reply: row.reply ?? block?.reply ?? null,
      };
    }),
  };
}

export type Listed = ReturnType<typeof describeQueued>;

/** As everyone's `mailq` prints it: `*` being delivered, `!` held. */
export function formatListing(listed: readonly Listed[]): string {
  if (listed.length === 0) return 'Mail queue is empty';
  const lines = ['-Queue ID-      --Size-- ----Arrival Time---- -Sender/Recipient-------'];
  for (const { queue_id, size, arrival, sender, state, recipients } of listed) {
    const mark = state === 'active' ? '*' : state === 'held' ? '!' : ' ';
    lines.push(
      `${queue_id.padEnd(15)}${mark}${String(size).padStart(8)} ${mailqTime(new Date(arrival))}  ${sender === '' ? 'MAILER-DAEMON' : sender}`,
    );
    for (const { address, state: at, reply } of recipients) {
      if (at === 'delivered' || at === 'failed') continue;
      if (reply !== null) lines.push(`${' '.repeat(8)}(${reply})`.slice(0, 500));
      lines.push(`${' '.repeat(46)}${address}`);
    }
    lines.push('');
  }
  const kilobytes = Math.ceil(listed.reduce((sum, one) => sum + one.size, 0) / 1024);
  lines.push(`-- ${kilobytes} Kbytes in ${listed.length} Request${listed.length === 1 ? '' : 's'}.`);
  return lines.join('\n');
}

/** `Sun Nov 22 03:11:52` in local time. */
function mailqTime(date: Date): string {
  const [day, month, number, , time] = [...date.toString().split(' ').slice(0, 4), date.toTimeString().slice(0, 8)];
  return `${day} ${month} ${number?.replace(/^0/, ' ')} ${time}`;
}

/** All queued messages, oldest first, some at a time. */
export function* allQueued(engine: QueueEngine): Generator<WholeMessage> {
  for (let after = ''; ; ) {
    const page = engine.list(after, 200);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.message.id;
  }
}
