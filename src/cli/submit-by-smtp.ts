import { Broken, SmtpClient } from '../relay/client.ts';
import { replyText } from '../relay/reply.ts';
import { defaultRelaySettings } from '../relay/settings.ts';
import { transact } from '../relay/transaction.ts';
import { Exit, exitCodes } from './exit.ts';

/**
 * Hands a message to the server that runs here, for users who may not write its maildrop. @throws Exit
 *
 * @param listener `host:port` of the SMTP listener
 */
export async function submitBySmtp(
  listener: string,
  helo: string,
  from: string,
  to: readonly string[],
  text: Buffer,
  parameters: string,
): Promise<void> {
  const colon = listener.lastIndexOf(':');
  const host = listener.slice(0, colon).replace(/^\[|\]$/g, '');
  const address = host === '*' || host === '0.0.0.0' || host === '::' || host === '' ? '127.0.0.1' : host;
  const timeouts = { ...defaultRelaySettings.timeouts, connect: 5_000, greeting: 30_000 };
  const refused: string[] = [];
  try {
    const client = await SmtpClient.connect({
      host: 'localhost',
      address,
      port: Number(listener.slice(colon + 1)),
      protocol: 'smtp',
      helo,
      timeouts,
    });
    const greeting = await client.read(timeouts.greeting, 'receiving the greeting');
    const hello = greeting.code === 220 ? await client.hello() : greeting;
    if (hello.code !== 250) throw new Exit(exitCodes.tryAgain, `sendmail: ${replyText(hello)}`);
    const recipients = to.map((path, id) => ({
      recipient: { id, original: path, address: { localPart: '', domain: '' } },
      command: `RCPT TO:<${path}>`,
    }));
    await transact(client, { mail: `MAIL FROM:<${from}>${parameters}`, recipients, bytes: text, file: '' }, ({ original }, reply) => {
      if (reply.code >= 300) refused.push(`${original}: ${replyText(reply)}`);
    });
    client.quit();
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    throw new Exit(
      exitCodes.tryAgain,
      `sendmail: the maildrop may not be written by this user, and the server does not answer: ${error.message}`,
    );
  }
  if (refused.length > 0)
    throw new Exit(/: 4\d\d/.test(refused[0]!) ? exitCodes.tryAgain : exitCodes.unavailable, `sendmail: ${refused.join('; ')}`);
}
