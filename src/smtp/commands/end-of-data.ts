import type { Staged } from '../../base/staging.ts';
import type { Envelope } from '../../mail/envelope.ts';
import { Fault } from '../../mail/fault.ts';
import type { Reply } from '../../mail/reply.ts';
import { smtpReplies } from '../faults.ts';
import type { SmtpSession } from '../session.ts';
import type { Transaction } from '../transaction.ts';

/** What RCPT found out about a recipient holds for so long, in milliseconds; after that it is asked again. */
const freshFor = 2000;

/** Why there can be no message now, the same for DATA and BDAT. */
export async function notNow(session: SmtpSession, earlyTalker: boolean): Promise<Reply | null> {
  const { transaction } = session;
  if (transaction === null || transaction.forwardPaths.length === 0) {
    // All were refused, or none was named. RFC 5321 3.3
    return (transaction?.tried ?? 0) > 0
      ? { code: 554, detail: '5.1', text: 'Error: no valid recipients' }
      : { code: 503, detail: '5.1', text: 'Error: need RCPT command' };
  }
  if (session.role.finalDelivery) return null;
  const last = transaction.forwardPaths.at(-1)!;
  const expansion = transaction.expansions.get(last) ?? null;
  return await session.shared.policy.data(await session.subject(last.address, expansion, earlyTalker));
}

/** The message is whole: it goes to mailboxes and queue, and only then the client hears 250. Closes the transaction. */
export async function handOver(session: SmtpSession, message: Staged, transaction: Transaction, queued: string): Promise<Reply | null> {
  session.transaction = null;
  const { forwardPaths, reversePath, options, expansions, lookedUp } = transaction;
  const known = performance.now() - lookedUp < freshFor ? expansions : undefined;
  const envelope: Envelope = { reversePath, forwardPaths, ...options };
  const id = session.deps.queue.nextId();
  try {
    const results = await session.deps.delivery.accept(id, envelope, message, await session.hopOf(transaction), known);
    const taken = results.filter(({ fault }) => fault === null).length;
    if (taken > 0) session.delivered(taken);
    if (session.role.finalDelivery) {
      for (const { path, fault } of results) {
        const { code, detail, text } = fault === null ? { code: 250, detail: '0.0', text: `Ok: queued as ${id}` } : smtpReplies[fault];
        session.reply({ code, detail, text: `<${path.original}> ${text}` });
      }
      return null;
    }
    const fault = results.find((result) => result.fault !== null)?.fault ?? null;
    return fault === null ? { code: 250, detail: '0.0', text: `${queued} as ${id}` } : smtpReplies[fault];
  } catch (error) {
    // A mistake of ours must not be taken for an answer about one recipient. RFC 2033 4.2
    if (!session.role.finalDelivery) throw error;
    const reply = error instanceof Fault ? smtpReplies[error.kind] : session.bug(error);
    for (const { original } of forwardPaths) session.reply({ ...reply, text: `<${original}> ${reply.text}` });
    return null;
  } finally {
    await message.discard();
  }
}

/** A refusal of the whole message: once for SMTP, once for each recipient for LMTP. RFC 2033 4.2 */
export function refuseAll(session: SmtpSession, { forwardPaths }: Transaction, reply: Reply): Reply | null {
  if (!session.role.finalDelivery) return reply;
  for (const _ of forwardPaths) session.reply(reply);
  return null;
}
