// IMAP: the rows of PEERS on mailboxes of 10,000 and 100,000 messages, one client per measure unless said.
import { setTimeout as sleep } from 'node:timers/promises';
import { large, message } from '../drivers/corpus.ts';
import { ImapClient } from '../drivers/imap.ts';
import type { Row } from '../report.ts';
import { account, type BenchServer, password } from '../servers/server.ts';

interface Measure {
  readonly work: string;
  readonly unit: 'ms' | '/s' | 'MB/s';
  readonly target: number | null;
  /** One value per run, for one server. */
  readonly values: number[];
}

const now = (): number => performance.now();

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = now();
  await run();
  return now() - start;
}

export async function fill(server: BenchServer, user: string, mailbox: string, count: number, size = 4096): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = await ImapClient.open(server.ports.imap!);
      await client.login(user, password);
      return client;
    }),
  );
  let next = 0;
  const elapsed = await timed(() =>
    Promise.all(
      clients.map(async (client) => {
        while (next < count) {
          const batch: Promise<string>[] = [];
          for (let k = 0; k < 8 && next < count; k++) batch.push(client.append(mailbox, message(next++, size)));
          await Promise.all(batch);
        }
      }),
    ),
  );
  for (const client of clients) client.close();
  return elapsed;
}

const thunderbird =
  'UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Resent-Message-ID Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)]';

/** Everything on one account of one server, once. */
async function once(
  server: BenchServer,
  run: number,
  count: number,
  put: (work: string, unit: Measure['unit'], target: number | null, value: number) => void,
): Promise<void> {
  const user = account(run);
  const name = (text: string): string => (count === 10_000 ? text : `${count} messages: ${text}`);
  const open = async (tls = false, mailbox = 'INBOX'): Promise<ImapClient> => {
    const client = await ImapClient.open(tls ? server.ports.imaps! : server.ports.imap!, tls);
    await client.login(user, password);
    if (mailbox !== '') await client.command(`SELECT ${mailbox}`);
    return client;
  };
  const filled = await fill(server, user, 'INBOX', count);
  put(name('fill by APPEND, 8 connections'), '/s', null, (count / filled) * 1000);
  let client = await open();
  const measure = async (text: string, target: number | null, command: string, repeat = 5): Promise<void> => {
    const times: number[] = [];
    for (let k = 0; k < repeat; k++) times.push(await timed(() => client.command(command)));
    times.sort((a, b) => a - b);
    put(name(text), 'ms', target, times[times.length >> 1]!);
  };
  await measure('ENVELOPE BODYSTRUCTURE first time', 0.3, 'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)', 1);
  await measure('ENVELOPE BODYSTRUCTURE again', 1, 'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)', 3);
  await measure('Thunderbird header fetch first time', 0.3, `UID FETCH 1:* (${thunderbird})`, 1);
  await measure('Thunderbird header fetch again', 1.2, `UID FETCH 1:* (${thunderbird})`, 3);
  // Stamps of a folder that changed less than two seconds ago prove nothing, to either server.
  await sleep(2500);
  await client.command('SELECT INBOX');
  await measure('SELECT warm', 1, 'SELECT INBOX', 9);
  await measure('FETCH 1:* (UID FLAGS)', 1, 'FETCH 1:* (UID FLAGS)');
  client.close();
  await server.restart(true);
  client = await open(false, '');
  await measure('SELECT after restart', 0.3, 'SELECT INBOX', 1);
  if (count > 10_000) {
    client.close();
    return;
  }
  for (const [what, target] of [
    ['FROM Tanaka', 0.3],
    ['SUBJECT copper', 0.3],
    ['BODY needle', 0.05],
    ['TEXT needle', 0.05],
  ] as const) {
    await measure(`SEARCH ${what}`, target, `SEARCH ${what}`, 3);
  }
  await measure('SORT date', 1, 'SORT (DATE) UTF-8 ALL', 3).catch(() => put('SORT date', 'ms', 1, Number.NaN));
  await measure('THREAD=REFERENCES', 1, 'THREAD REFERENCES UTF-8 ALL', 3).catch(() => put('THREAD=REFERENCES', 'ms', 1, Number.NaN));
  const before = client.received;
  const body = await timed(() => client.command('FETCH 1:* BODY.PEEK[]'));
  put(name('FETCH BODY.PEEK[] all'), 'MB/s', 0.7, (client.received - before) / body / 1000);
  const secure = await open(true);
  const secureTime = await timed(() => secure.command('FETCH 1:* BODY.PEEK[]'));
  put(name('FETCH BODY.PEEK[] all, TLS'), 'MB/s', 1, secure.received / secureTime / 1000);
  await client.append('Big', large(20_000_000)).catch(async () => {
    await client.command('CREATE Big');
    await client.append('Big', large(20_000_000));
  });
  await client.command('SELECT Big');
  await secure.command('SELECT Big');
  for (const [one, text, target] of [
    [client, 'FETCH one of 20 MB', 0.7],
    [secure, 'FETCH one of 20 MB, TLS', 1],
  ] as const) {
    const rates: number[] = [];
    for (let k = 0; k < 5; k++) {
      const start = one.received;
      const time = await timed(() => one.command('FETCH 1 BODY.PEEK[]'));
      rates.push((one.received - start) / time / 1000);
    }
    rates.sort((a, b) => a - b);
    put(name(text), 'MB/s', target, rates[2]!);
  }
  secure.close();
  await client.command('SELECT INBOX');
  put(name('STORE 1:10000'), '/s', 1, (count / (await timed(() => client.command('STORE 1:* +FLAGS (\\Flagged)')))) * 1000);
  const single = await timed(async () => {
    for (let n = 1; n <= 500; n++) await client.command(`STORE ${n} +FLAGS (\\Answered)`);
  });
  put(name('STORE one by one'), '/s', 3, 500_000 / single);
  await client.command('CREATE Copied').catch(() => {});
  await client.command('CREATE Moved').catch(() => {});
  put(name('COPY 10,000'), '/s', 1, (count / (await timed(() => client.command('COPY 1:* Copied')))) * 1000);
  await client.command('SELECT Copied');
  put(name('MOVE 10,000'), '/s', 1, (count / (await timed(() => client.command('MOVE 1:* Moved')))) * 1000);
  await client.command('SELECT Moved');
  await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  put(name('EXPUNGE 10,000'), '/s', 1, (count / (await timed(() => client.command('EXPUNGE')))) * 1000);
  const one = await timed(async () => {
    for (let n = 0; n < 300; n++) await client.append('Moved', message(n));
  });
  put(name('APPEND 4 KB, 1 connection'), '/s', 2, 300_000 / one);
  client.close();
  const twenty = await Promise.all(Array.from({ length: 20 }, () => open(false, '')));
  const many = await timed(() =>
    Promise.all(
      twenty.map(async (c) => {
        for (let n = 0; n < 100; n++) await c.append('Moved', message(n));
      }),
    ),
  );
  put(name('APPEND 4 KB, 20 connections'), '/s', 2, 2_000_000 / many);
  for (const c of twenty) c.close();
}

/** Logins: `fresh` ones each to an account that has not logged in before, `again` ones to one that has. */
async function logins(
  server: BenchServer,
  put: (work: string, unit: Measure['unit'], target: number | null, value: number) => void,
): Promise<void> {
  await server.restart(true);
  const rate = async (count: number, user: (n: number) => string): Promise<number> => {
    let next = 0;
    const time = await timed(() =>
      Promise.all(
        Array.from({ length: 20 }, async () => {
          while (next < count) {
            const n = next++;
            const client = await ImapClient.open(server.ports.imap!);
            await client.login(user(n), password);
            await client.command('SELECT INBOX');
            await client.command('LOGOUT');
            client.close();
          }
        }),
      ),
    );
    return (count / time) * 1000;
  };
  put('login + SELECT + LOGOUT, 20 connections, uncached', '/s', 1, await rate(100, (n) => account(100 + n)));
  put('login + SELECT + LOGOUT, 20 connections, again', '/s', 5, await rate(1000, (n) => account(100 + (n % 20))));
}

export async function imapSuite(ours: BenchServer, peer: BenchServer | null, runs: number, scale: number, only: RegExp): Promise<Row[]> {
  const servers = peer === null ? [ours] : [ours, peer];
  const measures = servers.map(() => new Map<string, Measure>());
  const putFor =
    (index: number) =>
    (work: string, unit: Measure['unit'], target: number | null, value: number): void => {
      const map = measures[index]!;
      if (!map.has(work)) map.set(work, { work, unit, target, values: [] });
      map.get(work)!.values.push(value);
    };
  for (const server of servers) await server.restart();
  for (let run = 0; run < runs; run++) {
    for (const [index, server] of servers.entries()) {
      await once(server, run, Math.round(10_000 * scale), putFor(index));
      await logins(server, putFor(index));
    }
  }
  for (const [index, server] of servers.entries())
    if (only.test('100000')) await once(server, 50, Math.round(100_000 * scale), putFor(index));
  return [...measures[0]!.values()]
    .filter((one) => only.test(one.work))
    .map(({ work, unit, target, values }) => ({
      work,
      unit,
      higher: unit !== 'ms',
      target,
      ours: values,
      peer: measures[1]?.get(work)?.values ?? [],
      peerName: peer?.name ?? '',
    }));
}
