// IMAP: the rows of PEERS on mailboxes of 10,000 and 100,000 messages, one client per measure unless said.
import { setTimeout as sleep } from 'node:timers/promises';
import { large, message } from '../drivers/corpus.ts';
import { type FillWay, fill, fillBySmtp, fillMaildir } from '../drivers/fill.ts';
import { ImapClient } from '../drivers/imap.ts';
import { Measures, rowsOfMeasures } from '../measures.ts';
import { untilAtRest } from '../process.ts';
import type { Row } from '../report.ts';
import { account, type BenchServer, password } from '../servers/server.ts';
import { largeMailbox } from './imap-large.ts';
import { rebuild } from './imap-rebuild.ts';

export const imapParts = ['small', 'logins', 'rebuild', 'large'] as const;
export type ImapPart = (typeof imapParts)[number];

export interface ImapOptions {
  readonly parts: readonly ImapPart[];
  readonly fill: FillWay;
  /** A folder for messages that all mailboxes share, below the bench's own. */
  readonly stock: string;
}

const thunderbird =
  'UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Resent-Message-ID Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)]';
const listed = 'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)';

/** A client of an account, logged in. */
export async function openClient(server: BenchServer, user: string, mailbox = 'INBOX', tls = false): Promise<ImapClient> {
  const client = await ImapClient.open(tls ? server.ports.imaps! : server.ports.imap!, tls);
  await client.login(user, password);
  if (mailbox !== '') await client.command(`SELECT ${mailbox}`);
  return client;
}

async function filled(m: Measures, user: string, count: number, { fill: way, stock }: ImapOptions): Promise<void> {
  if (way === 'maildir') return fillMaildir(m.server, user, count, stock);
  // No peer of these takes SMTP.
  if (way === 'smtp' && m.server.ports.smtp !== undefined)
    await m.rate('fill by SMTP, 20 connections', null, count, () => fillBySmtp(m.server, user, count));
  else await m.rate('fill by APPEND, 8 connections', null, count, () => fill(m.server, user, 'INBOX', count));
}

/** Everything on one account of one server, once. */
async function smallMailbox(m: Measures, run: number, count: number, options: ImapOptions): Promise<void> {
  const { server } = m;
  const user = account(run);
  const open = (tls = false, mailbox = 'INBOX'): Promise<ImapClient> => openClient(server, user, mailbox, tls);
  await filled(m, user, count, options);
  let client = await open();
  const measure = (text: string, target: number | null, command: string, repeat = 5): Promise<void> =>
    m.time(text, target, () => client.command(command), repeat);
  await measure('SEARCH SUBJECT right after the fill', null, 'SEARCH SUBJECT copper', 1);
  await measure('SEARCH BODY right after the fill', null, 'SEARCH BODY needle', 1);
  await measure('ENVELOPE BODYSTRUCTURE first time', 0.3, listed, 1);
  await measure('ENVELOPE BODYSTRUCTURE again', 1, listed, 3);
  await measure('Thunderbird header fetch first time', 0.3, `UID FETCH 1:* (${thunderbird})`, 1);
  await measure('Thunderbird header fetch again', 1.2, `UID FETCH 1:* (${thunderbird})`, 3);
  // Stamps of a folder that changed less than two seconds ago prove nothing, to either server.
  await sleep(2500);
  await client.command('SELECT INBOX');
  await measure('SELECT warm', 1, 'SELECT INBOX', 9);
  await measure('FETCH 1:* (UID FLAGS)', 1, 'FETCH 1:* (UID FLAGS)');
  await client.command('LOGOUT');
  await server.restart(true);
  client = await open(false, '');
  await measure('SELECT after restart', 0.3, 'SELECT INBOX', 1);
  for (const [what, target] of [
    ['FROM Tanaka', 0.3],
    ['SUBJECT copper', 0.3],
    ['BODY needle', 0.05],
    ['TEXT needle', 0.05],
  ] as const) {
    await measure(`SEARCH ${what}`, target, `SEARCH ${what}`, 3);
  }
  await measure('SORT date', 1, 'SORT (DATE) UTF-8 ALL', 3);
  await measure('THREAD=REFERENCES first time', null, 'THREAD REFERENCES UTF-8 ALL', 1);
  await measure('THREAD=REFERENCES', 1, 'THREAD REFERENCES UTF-8 ALL', 3);
  const octets = async (text: string, target: number, from: ImapClient, command: string, repeat = 1): Promise<void> => {
    const rates: number[] = [];
    const cost = await m.cost(async () => {
      for (let n = 0; n < repeat; n++) {
        const before = from.received;
        const start = performance.now();
        await from.command(command);
        rates.push((from.received - before) / (performance.now() - start) / 1000);
      }
    });
    rates.sort((a, b) => a - b);
    m.put(text, 'MB/s', target, rates[repeat >> 1]!, cost);
  };
  await octets('FETCH BODY.PEEK[] all', 0.7, client, 'FETCH 1:* BODY.PEEK[]');
  const secure = await open(true);
  await octets('FETCH BODY.PEEK[] all, TLS', 1, secure, 'FETCH 1:* BODY.PEEK[]');
  await client.command('CREATE Big');
  await client.append('Big', large(20_000_000));
  await client.command('SELECT Big');
  await secure.command('SELECT Big');
  await octets('FETCH one of 20 MB', 0.7, client, 'FETCH 1 BODY.PEEK[]', 7);
  await octets('FETCH one of 20 MB, TLS', 1, secure, 'FETCH 1 BODY.PEEK[]', 7);
  secure.close();
  await client.command('SELECT INBOX');
  await m.rate('STORE 1:10000', 1, count, () => client.command('STORE 1:* +FLAGS (\\Flagged)'));
  // What is done behind an answer is told, and is no part of the next row.
  const behind = async (work: string): Promise<void> =>
    m.put(`${work}, CPU behind it until at rest`, 'ms', null, await untilAtRest(server));
  await behind('STORE 1:10000');
  const singles = Math.min(500, count);
  await m.rate('STORE one by one', 3, singles, async () => {
    for (let n = 1; n <= singles; n++) await client.command(`STORE ${n} +FLAGS (\\Answered)`);
  });
  await client.command('CREATE Copied');
  await client.command('CREATE Moved');
  await m.rate('COPY 10,000', 1, count, () => client.command('COPY 1:* Copied'));
  await client.command('SELECT Copied');
  await m.rate('MOVE 10,000', 1, count, () => client.command('MOVE 1:* Moved'));
  await client.command('SELECT Moved');
  await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await m.rate('EXPUNGE 10,000', 1, count, () => client.command('EXPUNGE'));
  await behind('EXPUNGE 10,000');
  await m.rate('APPEND 4 KB, 1 connection', 2, 300, async () => {
    for (let n = 0; n < 300; n++) await client.append('Moved', message(n));
  });
  client.close();
  const twenty = await Promise.all(Array.from({ length: 20 }, () => open(false, '')));
  await m.rate('APPEND 4 KB, 20 connections', 2, 2000, () =>
    Promise.all(
      twenty.map(async (c) => {
        for (let n = 0; n < 100; n++) await c.append('Moved', message(n));
      }),
    ),
  );
  for (const c of twenty) c.close();
}

/** Logins: `fresh` ones each to an account that has not logged in before, `again` ones to one that has. */
export async function logins(m: Measures): Promise<void> {
  const { server } = m;
  await server.restart(true);
  const work = async (count: number, user: (n: number) => string): Promise<void> => {
    let next = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (next < count) {
          const client = await openClient(server, user(next++));
          await client.command('LOGOUT');
          client.close();
        }
      }),
    );
  };
  await m.rate('login + SELECT + LOGOUT, 20 connections, uncached', 1, 100, () => work(100, (n) => account(100 + n)));
  await m.rate('login + SELECT + LOGOUT, 20 connections, again', 5, 1000, () => work(1000, (n) => account(100 + (n % 20))));
}

export async function imapSuite(
  ours: BenchServer,
  peer: BenchServer | null,
  runs: number,
  scale: number,
  only: RegExp,
  options: ImapOptions,
): Promise<Row[]> {
  const servers = peer === null ? [ours] : [ours, peer];
  const measures = servers.map((server) => new Measures(server));
  for (const server of servers) await server.restart();
  const { parts, stock } = options;
  for (let run = 0; run < runs; run++) {
    for (const m of measures) {
      if (parts.includes('small')) await smallMailbox(m, run, Math.round(10_000 * scale), options);
      if (parts.includes('logins')) await logins(m);
    }
    if (parts.includes('rebuild')) for (const m of measures) await rebuild(m, account(40 + run), Math.round(10_000 * scale), stock);
    if (parts.includes('large')) for (const m of measures) await largeMailbox(m, account(50 + run), Math.round(100_000 * scale), options);
  }
  return rowsOfMeasures(measures[0]!, measures[1] ?? null, only);
}
