import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { stagedBytes } from '../base/staging.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import { type DsnKind, type DsnLanguage, formatDsn } from '../mail/dsn.ts';
import type { NoticesDue } from './engine.ts';
import type { NewQueued, QueueId } from './queue.ts';
import type { QueueSettings } from './settings.ts';
import { envelopeOf } from './tables/message.ts';
import type { Notice, RecipientRow } from './tables/recipient.ts';
import type { TransportName } from './transport.ts';

export interface NoticeDeps {
  readonly hostname: string;
  readonly language: DsnLanguage;
  readonly clock: Clock;
  readonly settings: QueueSettings;
  readonly nextId: () => QueueId;
  /** Where mail for a sender goes: mailboxes here, or another server. */
  readonly transportOf: (address: Address) => Promise<TransportName>;
}

/** Octets of the message that come back with a failure: unasked, and when RET=FULL asks for all. Beyond it only the header. */
const returned = { unasked: 50_000, asked: 5 << 20 };
const headerLimit = 100_000;

const kinds: Readonly<Record<Notice, DsnKind>> = {
  failed: 'failure',
  delayed: 'delay',
  delivered: 'success',
  relayed: 'relayed',
  expanded: 'expanded',
};

/** Writes the DSN about recipients that share one kind of event. RFC 3461 6, RFC 3464 */
export function noticeWriter(deps: NoticeDeps): (due: NoticesDue) => Promise<NewQueued | null> {
  const { hostname, language, clock, settings, nextId, transportOf } = deps;
  return async ({ message, recipients, text }) => {
    const { reversePath, ret, envid, smtputf8, requireTls } = envelopeOf(message);
    const first = recipients[0];
    if (reversePath === null || first === undefined) return null;
    const kind = kinds[first.notice ?? 'failed'];
    const full = kind === 'failure' && ret !== 'hdrs' && message.size <= (ret === 'full' ? returned.asked : returned.unasked);
    const original = await readOriginal(text ?? join(settings.dir, 'spool', message.id), full);
    const id = nextId();
    const dsn = formatDsn({
      kind,
      language,
      hostname,
      to: formatAddress(reversePath),
      ...(envid !== undefined && { envid }),
      arrival: message.created,
      now: clock.now(),
      queueId: message.id,
      recipients: recipients.map((row) => ({
        // The name, not the command or file that it stands for.
        final: /^[|/]/.test(row.local_part) ? row.original : formatAddress({ localPart: row.local_part, domain: row.domain }),
        ...(row.orcpt !== null && { original: row.orcpt }),
        status: statusOf(row),
        diagnostic: row.reply ?? '451 4.4.1 Not tried yet',
        ...(row.relay !== null && { remoteMta: row.relay }),
        lastAttempt: clock.now(),
        ...(kind === 'delay' && { retryUntil: message.created + settings.maxQueueLifetime }),
      })),
      returns: full ? 'full' : 'headers',
      eightBit: /[\x80-\xff]/.test(original.toString('latin1')),
    });
    const to = formatAddress(reversePath);
    return {
      id,
      // What it returns came with that demand. RFC 8689 5
      envelope: { reversePath: null, body: '8bitmime', smtputf8, requireTls },
      recipients: [{ address: reversePath, original: to, transport: await transportOf(reversePath) }],
      message: stagedBytes(Buffer.concat([dsn.head, original, dsn.tail])),
      sender: null,
    };
  };
}

/** The message, or its header, ending with a line end; what is gone from the spool is left out. */
async function readOriginal(from: string | Uint8Array, full: boolean): Promise<Buffer> {
  let bytes = typeof from === 'string' ? await readFile(from, full) : Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (bytes.length === 0) return bytes;
  if (!full) {
    const end = bytes.indexOf('\n\n');
    bytes = end < 0 ? bytes : bytes.subarray(0, end + 1);
  }
  return bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
}

async function readFile(file: string, full: boolean): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const bytes = Buffer.alloc(full ? size : Math.min(size, headerLimit));
      await handle.read(bytes, 0, bytes.length, 0);
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  }
}

/** The enhanced code of the last reply where its class fits the event; else the event's own. RFC 3463 */
function statusOf({ reply, notice }: RecipientRow): string {
  const wanted = notice === 'failed' ? '5' : notice === 'delayed' ? '4' : '2';
  const status = /^\d{3}[ -]([245])\.(\d{1,3})\.(\d{1,3})(?= |$)/.exec(reply ?? '');
  if (status !== null) return `${wanted}.${status[2]}.${status[3]}`;
  return `${wanted}.0.0`;
}
