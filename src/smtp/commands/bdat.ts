import { Fault } from '../../mail/fault.ts';
import type { Reply } from '../../mail/reply.ts';
import type { SmtpCommand } from '../command.ts';
import { bdatArgument } from '../grammar/data.ts';
import { Receiver } from '../receiver.ts';
import type { SmtpSession } from '../session.ts';
import { handOver, notNow, refuseAll } from './end-of-data.ts';

/** Takes a message in counted chunks. RFC 3030 2 */
export const bdat: SmtpCommand = {
  verb: 'BDAT',

  async run(argument, session) {
    const chunk = size(argument);
    if (chunk === null) {
      // How much of what follows is message cannot be known. Postfix closes too.
      session.goodbye('protocol', { code: 521, detail: '5.4', text: 'Syntax: BDAT count [LAST]' });
      return null;
    }
    const { settings } = session;
    const first = session.transaction?.receiver == null;
    // Also a chunk that comes at the wrong time is read: its octets are no commands. RFC 3030 2
    const refused = session.greetingMissing() ?? session.transaction?.refused ?? (first ? await notNow(session, false) : null);
    if (refused !== null) return await drop(session, chunk.length, chunk.last, refused);

    const transaction = session.transaction!;
    transaction.receiver ??= new Receiver(settings.stagingDir, settings.messageSizeLimit, settings.hostname, false);
    const { receiver } = transaction;
    if (receiver.size + chunk.length > settings.messageSizeLimit) {
      await receiver.abort();
      transaction.refused = { code: 552, detail: '3.4', text: 'Chunk exceeds message size limit' };
      return await drop(session, chunk.length, chunk.last, transaction.refused);
    }
    if (!(await read(chunk.length, session, receiver))) {
      await receiver.abort();
      session.lost();
      return null;
    }
    if (receiver.refusal !== null) return await give(session, receiver, chunk.last);
    if (!chunk.last) return { code: 250, detail: '0.0', text: `Ok: ${chunk.length} bytes` };
    const octets = receiver.size;
    const message = await receiver.finish();
    if (message === null) return await give(session, receiver, true);
    return await handOver(session, message, transaction, `Ok: ${octets} bytes queued`);
  },
};

function size(argument: string): ReturnType<typeof bdatArgument> | null {
  try {
    return bdatArgument(argument);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** The message turned out to be one that is not taken. */
async function give(session: SmtpSession, receiver: Receiver, last: boolean): Promise<Reply | null> {
  const transaction = session.transaction!;
  const { refusal } = receiver;
  transaction.refused = refusal;
  await receiver.abort();
  if (refusal!.code === 521) session.lost();
  if (!last) return refusal;
  session.transaction = null;
  return refuseAll(session, transaction, refusal!);
}

/** Reads a chunk that nobody wants, so that the next command is found. */
async function drop(session: SmtpSession, length: number, last: boolean, reply: Reply): Promise<Reply | null> {
  const { transaction, settings } = session;
  if (length > settings.messageSizeLimit * 2) {
    session.goodbye('protocol', reply);
    return null;
  }
  if (!(await read(length, session, null))) {
    session.lost();
    return null;
  }
  if (transaction !== null) {
    if (last) session.dropTransaction();
    else transaction.refused = reply;
    if (last && transaction.forwardPaths.length > 0) return refuseAll(session, transaction, reply);
  }
  return reply;
}

/** @returns false where input ended first */
async function read(length: number, session: SmtpSession, receiver: Receiver | null): Promise<boolean> {
  const { input, settings } = session;
  const started = performance.now();
  let left = length;
  while (left > 0) {
    const come = await input.chunk(settings.timeout);
    if (come === null) return false;
    const chunk = come.subarray(0, left);
    if (chunk.length < come.length) input.unread(come.subarray(left));
    left -= chunk.length;
    await receiver?.take(chunk);
    session.mustKeepUp(started, length - left);
  }
  return true;
}
