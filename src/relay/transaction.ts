import { createReadStream } from 'node:fs';
import { isNear } from '../net/networks.ts';
import type { QueuedRecipient } from '../queue/transport.ts';
import { Broken, type SmtpClient } from './client.ts';
import { DataWriter } from './data-writer.ts';
import type { DotGate } from './dot-gate.ts';
import { type RemoteReply, replyText } from './reply.ts';

export interface Transaction {
  /** `MAIL FROM:<…> …` */
  readonly mail: string;
  readonly recipients: readonly { readonly recipient: QueuedRecipient; readonly command: string }[];
  /** Text as in the spool: in memory, or the file to read. */
  readonly bytes: Buffer | null;
  readonly file: string;
  /** What ends of messages go through, where many go out at once. */
  readonly gate?: DotGate;
}

/** `said` is what the reply was to. */
export type OnReply = (recipient: QueuedRecipient, reply: RemoteReply, said: 'MAIL' | 'RCPT' | 'DATA' | 'text') => void;

/**
 * One message to one server, pipelined where the server allows. `onReply` is called once for each recipient, in the moment its
 * fate is known; those without a call when it throws are open.
 *
 * @returns whether the text was sent, so that the server is ready for the next one
 * @throws Broken
 */
export async function transact(
  client: SmtpClient,
  { mail, recipients, bytes, file, gate }: Transaction,
  onReply: OnReply,
): Promise<boolean> {
  const { command, dataInitiation, dataDone } = client.options.timeouts;
  const pipelining = client.extensions.has('PIPELINING');
  const lines = [mail, ...recipients.map((one) => one.command), 'DATA'];
  if (pipelining) client.send(...lines);
  else client.send(mail);

  const mailReply = await client.read(command, 'sending MAIL FROM');
  const accepted: QueuedRecipient[] = [];
  const refused = mailReply.code !== 250;
  if (refused) {
    for (const { recipient } of recipients) onReply(recipient, mailReply, 'MAIL');
    if (mailReply.code === 421) throw new Broken(replyText(mailReply));
    if (!pipelining) return false;
  }
  for (const one of recipients) {
    if (!pipelining) client.send(one.command);
    const reply = await client.read(command, 'sending RCPT TO');
    if (refused) continue;
    if (reply.code === 250 || reply.code === 251) accepted.push(one.recipient);
    else onReply(one.recipient, reply, 'RCPT');
    if (reply.code === 421) throw new Broken(replyText(reply));
  }
  if (!pipelining) {
    if (accepted.length === 0) return false;
    client.send('DATA');
  }
  const dataReply = await client.read(dataInitiation, 'sending DATA');
  if (dataReply.code !== 354) {
    for (const recipient of accepted) onReply(recipient, dataReply, 'DATA');
    return false;
  }
  if (accepted.length === 0) {
    // The server waits for text though nobody gets it: an empty message goes to nobody. RFC 2920 3.1
    client.send('.');
    await client.read(dataDone, 'sending end of data');
    return true;
  }

  const recorded = await sendText(client, bytes, file, gate);
  try {
    if (client.options.protocol === 'lmtp') {
      // A reply for each recipient that was accepted, in their order. RFC 2033 4.2
      for (const recipient of accepted) onReply(recipient, await client.read(dataDone, 'sending end of data'), 'text');
    } else {
      const reply = await client.read(dataDone, 'sending end of data');
      for (const recipient of accepted) onReply(recipient, reply, 'text');
    }
  } catch (error) {
    if (error instanceof Broken) error.sent = true;
    throw error;
  } finally {
    recorded();
  }
  client.messages++;
  return true;
}

/** @returns to be called when the reply is recorded */
async function sendText(client: SmtpClient, bytes: Buffer | null, file: string, gate: DotGate | undefined): Promise<() => void> {
  const enter = async (): Promise<() => void> => gate?.enter(client.name, isNear(client.options.address)) ?? (() => {});
  const writer = new DataWriter();
  if (bytes !== null) {
    const wire = writer.write(bytes);
    const recorded = await enter();
    try {
      await client.write(wire, writer.end());
    } catch (error) {
      recorded();
      throw error;
    }
    return recorded;
  }
  for await (const chunk of createReadStream(file, { highWaterMark: 64 << 10 }) as AsyncIterable<Buffer>)
    await client.write(writer.write(chunk));
  const recorded = await enter();
  try {
    await client.write(writer.end());
  } catch (error) {
    recorded();
    throw error;
  }
  return recorded;
}
