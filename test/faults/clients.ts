import { ImapClient } from '../support/imap.ts';
import { SmtpTalk } from '../support/smtp.ts';

/** One message by SMTP. @returns the last reply, `closed` where there was none */
export async function sendMail(port: number, to: string, text: string): Promise<string> {
  let talk: SmtpTalk;
  try {
    talk = await SmtpTalk.to(port);
  } catch {
    return 'closed';
  }
  try {
    const greeting = await talk.reply();
    if (!greeting.startsWith('2')) return greeting;
    let reply = '';
    for (const line of ['EHLO driver.test', 'MAIL FROM:<driver@driver.test>', `RCPT TO:<${to}>`, 'DATA']) {
      reply = await talk.say(line);
      if (!/^[23]/.test(reply)) return reply;
    }
    talk.write(`${text}.\r\n`);
    return await talk.reply();
  } finally {
    talk.close();
  }
}

/** A session that may lose its connection: each command opens another where it must. */
export class ImapUser {
  readonly #port: number;
  readonly #account: string;
  readonly #box: string;
  #client: ImapClient | null = null;

  constructor(port: number, account: string, box = 'INBOX') {
    this.#port = port;
    this.#account = account;
    this.#box = box;
  }

  /** @returns lines of the answer, the tagged one last; `closed` where there was none */
  async say(command: string): Promise<string[]> {
    try {
      this.#client ??= await this.#open();
      const lines = await this.#client.command(command);
      if (lines.at(-1) !== '') return lines;
    } catch {}
    this.close();
    return ['closed'];
  }

  async last(command: string): Promise<string> {
    return (await this.say(command)).at(-1)!;
  }

  async #open(): Promise<ImapClient> {
    const client = await ImapClient.connect(this.#port);
    const greeting = await client.line();
    if (!greeting.startsWith('* OK')) throw new Error(greeting);
    await client.ok(`LOGIN ${this.#account} secret`);
    await client.ok(`SELECT ${this.#box}`);
    return client;
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }
}
