import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapClient } from '../support/imap.ts';
import { type Ledger, messageText, place, type Sending, wholeMessage } from './ledger.ts';

/** What the clients share. */
export interface Load {
  readonly ledger: Ledger;
  readonly ports: { readonly SMTP: number; readonly IMAP: number; readonly POP3: number };
  running: boolean;
  /** Number of the next message. */
  next: number;
  /** What was refused may have been done: whoever did it ended before it could say so. */
  readonly mayBeThere: boolean;
  refused: number;
  /** Replies that no client should see. */
  readonly odd: string[];
  readonly half: string[];
}

/** Lines of a server; '' once it is gone. */
class Lines {
  readonly #socket;
  #text = '';
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#wake?.();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  async until(end: RegExp): Promise<string> {
    for (;;) {
      const found = end.exec(this.#text);
      if (found !== null) {
        const answer = this.#text.slice(0, found.index + found[0].length);
        this.#text = this.#text.slice(answer.length);
        return answer;
      }
      if (this.#closed) throw new Error('closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Runs `session` again and again, whatever breaks its connections. */
async function again(load: Load, session: () => Promise<void>): Promise<void> {
  while (load.running) {
    await session().catch((error: unknown) => {
      if ((error as Error).message !== 'closed') throw error;
    });
    await sleep(20);
  }
}

function refused(load: Load, sending: Sending): void {
  load.refused++;
  if (!load.mayBeThere) load.ledger.refused(sending);
}

/** Delivers to the accounts in turn. */
export function smtpDriver(load: Load, accounts: readonly string[]): Promise<void> {
  return again(load, async () => {
    const lines = new Lines(load.ports.SMTP);
    const reply = () => lines.until(/^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/);
    try {
      await reply();
      lines.send('EHLO driver.test\r\n');
      await reply();
      while (load.running) {
        const n = load.next++;
        const account = accounts[n % accounts.length]!;
        lines.send(`MAIL FROM:<driver@driver.test>\r\nRCPT TO:<${account}>\r\nDATA\r\n`);
        await reply();
        await reply();
        if (!(await reply()).startsWith('354')) continue;
        const sending = load.ledger.sending(n);
        lines.send(`${messageText(n)}.\r\n`);
        const last = await reply();
        if (last.startsWith('250')) load.ledger.delivered(sending, account);
        else {
          refused(load, sending);
          if (!last.startsWith('4')) load.odd.push(last.trim());
        }
      }
      lines.send('QUIT\r\n');
    } finally {
      lines.close();
    }
  });
}

const boxes = ['INBOX', 'Archive'] as const;
/** Messages that a session looks at, of a mailbox that may have thousands. */
const windowSize = 100;
const flagSets = ['\\Flagged', '\\Seen', '\\Answered \\Seen', '$Work', '\\Draft'];
export const flagText = (flags: string): string =>
  flags
    .split(' ')
    .filter((flag) => flag !== '' && flag !== '\\Recent')
    .sort()
    .join(' ');

interface Line {
  readonly uid: number;
  readonly number: number;
  flags: string;
}

/** Messages of the selected mailbox, by sequence numbers; every one of them by default. */
export async function listMailbox(client: ImapClient, which = '1:*'): Promise<Line[]> {
  const lines = await client.command(`FETCH ${which} (UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Number)])`);
  if (lines.at(-1) === '') throw new Error('closed');
  return lines.flatMap((line) => {
    const uid = /UID (\d+)/.exec(line)?.[1];
    const number = /X-Number: (\d+)/.exec(line)?.[1];
    return uid === undefined || number === undefined
      ? []
      : [{ uid: Number(uid), number: Number(number), flags: flagText(/FLAGS \(([^)]*)\)/.exec(line)?.[1] ?? '') }];
  });
}

/** Opens a mailbox. @returns client, UIDVALIDITY and number of messages */
export async function openMailbox(
  port: number,
  account: string,
  box: string,
): Promise<{ client: ImapClient; validity: number; exists: number }> {
  const client = await ImapClient.connect(port).catch(() => {
    throw new Error('closed');
  });
  await client.line();
  const say = async (text: string): Promise<string> => {
    const lines = await client.command(text);
    if (lines.at(-1) === '') throw new Error('closed');
    return lines.join('\n');
  };
  const login = await say(`LOGIN ${account} secret`);
  const selected = await say(`SELECT ${box}`);
  const validity = Number(/UIDVALIDITY (\d+)/.exec(selected)?.[1]);
  if (login.includes('[UNAVAILABLE]') || /^NO \[UNAVAILABLE\]/m.test(selected)) throw new Error('closed');
  if (!(validity > 0)) throw new Error(`SELECT ${box}: ${login} ${selected}`);
  return { client, validity, exists: Number(/(\d+) EXISTS/.exec(selected)?.[1]) };
}

/** The only one who changes this account's mail: flags, moves, copies, expunges, appends. */
export function imapDriver(load: Load, account: string): Promise<void> {
  const { ledger } = load;
  const random = (n: number) => Math.floor(Math.random() * n);
  return again(load, async () => {
    const box = boxes[random(2)]!;
    const other = box === 'INBOX' ? 'Archive' : 'INBOX';
    const { client, validity, exists } = await openMailbox(load.ports.IMAP, account, box);
    const at = (uid: number) => place(account, box, validity, uid);
    const say = async (text: string): Promise<string> => {
      const lines = await client.command(text);
      if (lines.at(-1) === '') throw new Error('closed');
      const last = lines.at(-1)!;
      if (!last.startsWith('OK') && !/^NO \[(UNAVAILABLE|INUSE|LIMIT)/.test(last)) load.odd.push(`${text.slice(0, 60)}: ${last}`);
      return last.startsWith('OK') ? lines.join('\n') : '';
    };
    try {
      let rows: Line[] = [];
      for (let i = 0; i < 60 && load.running; i++) {
        if (i % 20 === 0) {
          // Some place in the mailbox, and its end, where what is new is met.
          const from = 1 + random(Math.max(1, exists - windowSize));
          rows = exists === 0 ? [] : await listMailbox(client, `${from}:${from + windowSize},${Math.max(1, exists - windowSize)}:*`);
          for (const { uid, number } of rows) ledger.seen(number, at(uid));
        }
        const dice = random(10);
        const pick = random(rows.length);
        const row = rows[pick];
        if (row === undefined || dice === 0) {
          const n = load.next++;
          const sending = ledger.sending(n);
          const text = messageText(n);
          const answer = await say(`APPEND ${other} (\\Seen) {${text.length}+}\r\n${text}`);
          const uid = /APPENDUID (\d+) (\d+)/.exec(answer);
          if (uid === null) refused(load, sending);
          else ledger.placed(n, place(account, other, Number(uid[1]), Number(uid[2])), flagText('\\Seen'), sending);
        } else if (dice < 6) {
          const flags = flagSets[random(flagSets.length)]!;
          ledger.flagged(at(row.uid), null);
          if ((await say(`UID STORE ${row.uid} FLAGS.SILENT (${flags})`)) !== '') ledger.flagged(at(row.uid), flagText(flags));
        } else if (dice < 8) {
          ledger.leaving(at(row.uid), false);
          const uid = /COPYUID (\d+) \d+ (\d+)/.exec(await say(`UID MOVE ${row.uid} ${other}`));
          if (uid === null) continue;
          ledger.left(at(row.uid));
          ledger.placed(row.number, place(account, other, Number(uid[1]), Number(uid[2])), null);
          rows.splice(pick, 1);
        } else if (dice === 8) {
          const sending = ledger.sending(row.number);
          const uid = /COPYUID (\d+) \d+ (\d+)/.exec(await say(`UID COPY ${row.uid} ${other}`));
          if (uid === null) refused(load, sending);
          else ledger.placed(row.number, place(account, other, Number(uid[1]), Number(uid[2])), null, sending);
        } else {
          ledger.flagged(at(row.uid), null);
          if ((await say(`UID STORE ${row.uid} +FLAGS.SILENT (\\Deleted)`)) === '') continue;
          ledger.leaving(at(row.uid), true);
          if ((await say(`UID EXPUNGE ${row.uid}`)) !== '') ledger.left(at(row.uid));
          rows.splice(pick, 1);
        }
      }
    } finally {
      client.close();
    }
  });
}

/** The only one who reads this account: takes up to ten messages at a time and deletes them. */
export function pop3Driver(load: Load, account: string): Promise<void> {
  const { ledger } = load;
  return again(load, async () => {
    const lines = new Lines(load.ports.POP3);
    const line = () => lines.until(/\r\n/);
    const say = async (text: string): Promise<string> => {
      lines.send(`${text}\r\n`);
      return line();
    };
    try {
      await line();
      await say(`USER ${account}`);
      // Another session of ours may still be on its way out.
      if (!(await say(`PASS secret`)).startsWith('+OK')) return;
      await say('UIDL');
      const ids = [...(await lines.until(/(?:^|\r\n)\.\r\n/)).matchAll(/^(\d+) ([0-9a-f]{8})([0-9a-f]{8})\r$/gim)].slice(0, 10);
      const places: string[] = [];
      for (const [, number, uid, validity] of ids) {
        if (!(await say(`RETR ${number}`)).startsWith('+OK')) return;
        const text = (await lines.until(/(?:^|\r\n)\.\r\n/)).slice(0, -3);
        const n = wholeMessage(text);
        const at = place(account, 'INBOX', Number.parseInt(validity!, 16), Number.parseInt(uid!, 16));
        if (n === null) load.half.push(`${at} by POP3`);
        else {
          ledger.seen(n, at);
          if ((await say(`DELE ${number}`)).startsWith('+OK')) places.push(at);
        }
      }
      for (const at of places) ledger.leaving(at, true);
      if ((await say('QUIT')).startsWith('+OK')) for (const at of places) ledger.left(at);
      await sleep(50);
    } finally {
      lines.close();
    }
  });
}
