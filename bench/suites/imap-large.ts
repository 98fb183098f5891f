// One mailbox of 100,000 messages, a new one in each run: what is fetched, moved and expunged is so for the first time.
import { setTimeout as sleep } from 'node:timers/promises';
import { message } from '../drivers/corpus.ts';
import { type FillWay, fill, fillBySmtp, fillMaildir } from '../drivers/fill.ts';
import type { Measures } from '../measures.ts';
import { untilAtRest } from '../process.ts';
import type { BenchServer } from '../servers/server.ts';
import { openClient } from './imap.ts';

/** @param way of the fill, for who takes SMTP: the peer would need a quarter of an hour for APPEND, so it gets files, and a SELECT that is not measured */
export async function largeMailbox(
  m: Measures,
  user: string,
  count: number,
  { fill: way, stock }: { fill: FillWay; stock: string },
): Promise<void> {
  const { server } = m;
  const fillRow = `${count} messages: fill by ${way === 'smtp' ? 'SMTP, 20' : 'APPEND, 8'} connections (peer: files)`;
  const byFiles = way === 'maildir' || server.ports.smtp === undefined;
  if (byFiles) await fillMaildir(server, user, count, stock);
  else await m.rate(fillRow, null, count, () => (way === 'smtp' ? fillBySmtp(server, user, count) : fill(server, user, 'INBOX', count)));
  let client = await openClient(server, user, '');
  const measure = (text: string, target: number | null, command: string, repeat = 1): Promise<void> =>
    m.time(`${count} messages: ${text}`, target, () => client.command(command), repeat);
  if (way === 'maildir') {
    const worst = await meanwhile(server, user, () => measure('SELECT of files put there', null, 'SELECT INBOX'));
    m.put(`${count} messages: STORE in another mailbox meanwhile, worst`, 'ms', null, worst);
  } else {
    if (byFiles) await client.command('SELECT INBOX');
    await measure('SELECT right after the fill', null, 'SELECT INBOX');
  }
  await measure('SEARCH SUBJECT right after that', null, 'SEARCH SUBJECT copper');
  await measure('ENVELOPE right after that', null, 'FETCH 1:* ENVELOPE');
  // Words are put into the index meanwhile; and stamps of a folder that changed less than two seconds ago prove nothing, to either server.
  m.put(`${count} messages: CPU behind these until at rest`, 'ms', null, await untilAtRest(server));
  await client.command('SELECT INBOX');
  await measure('SELECT warm', 1, 'SELECT INBOX', 9);
  await measure('FETCH 1:* (UID FLAGS)', 1, 'FETCH 1:* (UID FLAGS)', 3);
  await client.command('LOGOUT');
  await server.restart(true);
  client = await openClient(server, user, '');
  await measure('SELECT after restart', 0.3, 'SELECT INBOX');
  await measure('FETCH 1:* (UID FLAGS) after that', null, 'FETCH 1:* (UID FLAGS)');
  await measure('SEARCH ALL', null, 'SEARCH ALL', 3);
  await measure('SEARCH SUBJECT', null, 'SEARCH SUBJECT copper', 3);
  await measure('SEARCH BODY', null, 'SEARCH BODY needle');
  await measure('SORT date, first time', null, 'SORT (DATE) UTF-8 ALL');
  await measure('SORT date', null, 'SORT (DATE) UTF-8 ALL', 3);
  await measure('SORT subject, first time', null, 'SORT (SUBJECT) UTF-8 ALL');
  await measure('SORT subject', null, 'SORT (SUBJECT) UTF-8 ALL', 3);
  await measure('THREAD=REFERENCES, first time', null, 'THREAD REFERENCES UTF-8 ALL');
  await measure('THREAD=REFERENCES', null, 'THREAD REFERENCES UTF-8 ALL', 3);
  await measure('ENVELOPE again', null, 'FETCH 1:* ENVELOPE');
  await m.rate(`${count} messages: STORE 1:*`, null, count, () => client.command('STORE 1:* +FLAGS (\\Flagged)'));
  await m.rate(`${count} messages: STORE 1:* silent`, null, count, () => client.command('STORE 1:* +FLAGS.SILENT (\\Answered)'));
  await client.command('CREATE half');
  await m.rate(`${count} messages: MOVE of half`, null, count / 2, () => client.command(`MOVE 1:${count / 2} half`));
  await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await m.rate(`${count} messages: EXPUNGE of the other half`, null, count / 2, () => client.command('EXPUNGE'));
  await client.command('SELECT half');
  await client.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await measure('CLOSE of the first', null, 'CLOSE');
  client.close();
}

/** Milliseconds of the longest STORE to another mailbox while `work` goes on. */
async function meanwhile(server: BenchServer, user: string, work: () => Promise<void>): Promise<number> {
  const other = await openClient(server, user, '');
  await other.command('CREATE other');
  await other.append('other', message(0));
  await other.command('SELECT other');
  let running = true;
  let worst = 0;
  const stores = (async (): Promise<void> => {
    for (let sign = '+'; running; sign = sign === '+' ? '-' : '+') {
      const asked = performance.now();
      await other.command(`STORE 1 ${sign}FLAGS (\\Flagged)`);
      worst = Math.max(worst, performance.now() - asked);
      await sleep(20);
    }
  })();
  await work();
  running = false;
  await stores;
  other.close();
  return worst;
}
