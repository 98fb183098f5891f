// Mailboxes with many messages, by the ways mail comes: APPEND, SMTP, or files that another program has put there.
import { chmodSync, linkSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchServer, password } from '../servers/server.ts';
import { message } from './corpus.ts';
import { ImapClient } from './imap.ts';
import { smtpLoad } from './smtp.ts';

export type FillWay = 'append' | 'smtp' | 'maildir';
export const fillWays: readonly FillWay[] = ['append', 'smtp', 'maildir'];

async function clientOf(server: BenchServer, user: string): Promise<ImapClient> {
  const client = await ImapClient.open(server.ports.imap!);
  await client.login(user, password);
  return client;
}

/** By APPEND over 8 connections, 8 under way on each. @returns milliseconds */
export async function fill(server: BenchServer, user: string, mailbox: string, count: number, size = 4096): Promise<number> {
  const clients = await Promise.all(Array.from({ length: 8 }, () => clientOf(server, user)));
  let next = 0;
  const start = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (next < count) {
        const batch: Promise<string>[] = [];
        for (let k = 0; k < 8 && next < count; k++) batch.push(client.append(mailbox, message(next++, size)));
        await Promise.all(batch);
      }
    }),
  );
  const elapsed = performance.now() - start;
  for (const client of clients) client.close();
  return elapsed;
}

/** By SMTP over 20 connections. @returns milliseconds */
export async function fillBySmtp(server: BenchServer, user: string, count: number, size = 4096): Promise<number> {
  const load = { messages: count, size, sessions: 20, perConnection: Number.POSITIVE_INFINITY, accounts: 1, login: false, recipient: user };
  const { accepted, elapsed } = await smtpLoad({ port: server.ports.smtp!, ...load });
  if (accepted !== count) throw new Error(`${accepted} of ${count} messages accepted`);
  return elapsed;
}

/**
 * Files in `cur/`, named as both servers name them but for their own numbers. They are made once, below `stock`, and get one more
 * name in each mailbox; so nobody has them in the page cache before others do.
 */
export async function fillMaildir(server: BenchServer, user: string, count: number, stock: string): Promise<void> {
  mkdirSync(stock, { recursive: true });
  const made = readdirSync(stock);
  for (let n = made.length; n < count; n++) {
    const wire = message(n).toString('latin1');
    const text = wire.replaceAll('\r\n', '\n');
    const name = `${1_600_000_000 + n}.M${n}P1.bench,S=${text.length},W=${wire.length}`;
    writeFileSync(join(stock, name), text, 'latin1');
    // A server that runs as another user may give it more names only where it could write it.
    chmodSync(join(stock, name), 0o666);
    made.push(name);
  }
  // The server makes the folders, as its own.
  const client = await clientOf(server, user);
  await client.command('SELECT INBOX');
  client.close();
  // Who looks again at a folder that was just made is to do so before it is filled, not halfway.
  if (count >= 20_000) await sleep(2500);
  const cur = join(server.maildir(user), 'cur');
  for (const name of made.sort().slice(0, count)) linkSync(join(stock, name), join(cur, `${name}:2,`));
}
