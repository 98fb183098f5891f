// The index damaged, deleted, older than the mail; junk in the Maildir: mail and UIDs stay.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import SQLite from 'better-sqlite3';
import { silentLog } from '../../src/base/log.ts';
import { stagedBytes } from '../../src/base/staging.ts';
import { Fault } from '../../src/mail/fault.ts';
import { flagBits } from '../../src/mail/flags.ts';
import type { AccountId, Uid } from '../../src/mail/numbers.ts';
import { openStore } from '../../src/store/open-store.ts';
import { storeDefaults } from '../../src/store/settings.ts';
import type { AccountStore, MailStore } from '../../src/store/store.ts';
import { Failed, type FaultTest, figures, seeded } from './fault-test.ts';

const text = (n: number): string => `Subject: ${n}\n\n${`body ${n}\n`.repeat(1 + (n % 50))}`;
let accounts = 0;
const open = (store: MailStore, home: string): Promise<AccountStore> =>
  store.open({ id: ++accounts as AccountId, address: `d${accounts}@example.com`, home, quota: 0 });

/** By UID: texts as they are on the disk, and headers as the index has them. What cannot be read is left out. */
async function contents(mail: AccountStore): Promise<{ texts: Map<number, string>; headers: Map<number, string> }> {
  const { id } = mail.find('INBOX')!;
  await mail.refresh(id);
  const texts = new Map<number, string>();
  const { uids } = mail.snapshot(id);
  if (uids.some((uid, at) => at > 0 && uid <= uids[at - 1]!)) throw new Error(`UIDs not in order: ${uids.join()}`);
  const rows = [...mail.fetch(id, uids, ['header'])].flat();
  const headers = new Map(rows.map(({ uid, header }) => [uid as number, header?.toString() ?? '']));
  for (const uid of uids) {
    try {
      const file = await mail.openMessage(id, uid as Uid);
      texts.set(uid, file.readSync(0, file.size).toString());
      file.close();
    } catch (error) {
      // One row that leads nowhere; the rest must be served.
      if (!(error instanceof Fault) || error.kind !== 'expunged') throw error;
    }
  }
  return { texts, headers };
}

/** No two messages of a home have the same text. @param first number of the first one */
async function fill(
  store: MailStore,
  home: string,
  count: number,
  first = 0,
): Promise<{ uids: Map<number, string>; validity: number; id: number }> {
  const mail = await open(store, home);
  const uids = new Map<number, string>();
  const texts = Array.from({ length: count }, (_, n) => text(first + n));
  const done = await Promise.all(
    texts.map((body, n) => mail.append('INBOX', [{ message: stagedBytes(Buffer.from(body)), flags: n % 3 === 0 ? ['\\Seen'] : [] }])),
  );
  for (const [n, [one]] of done.entries()) uids.set(one!.uid, texts[n]!);
  const { id } = mail.find('INBOX')!;
  return { uids, validity: mail.status(id).uidValidity, id };
}

const onDisk = (home: string, body: string): boolean =>
  ['new', 'cur'].some((part) => {
    const path = join(home, 'Maildir', part);
    return readdirSync(path).some((name) => readFileSync(join(path, name), 'utf8') === body);
  });

const files = ['postcote.sqlite', 'postcote.sqlite-wal', 'postcote.sqlite-shm'];

/** One of: octets changed, a page of zeros, cut short, removed, octets added. */
function mutate(path: string, random: () => number): void {
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  const at = Math.floor(random() * bytes.length);
  const kind = Math.floor(random() * 5);
  if (kind === 0) for (let i = 0; i < 8; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  if (kind === 1) bytes.fill(0, at & ~4095, Math.min((at & ~4095) + 4096, bytes.length));
  if (kind === 3) rmSync(path);
  else writeFileSync(path, kind === 2 ? bytes.subarray(0, at) : kind === 4 ? Buffer.concat([bytes, bytes.subarray(0, 5000)]) : bytes);
}

const flag = { op: 'add', flags: ['\\Flagged'] } as const;

const flaggedIn = (mail: AccountStore): number =>
  mail.snapshot(mail.find('INBOX')!.id).flags.filter((bits) => (bits & flagBits['\\Flagged']) !== 0).length;

/** Another index shows a second after it took the place of one. */
async function soon(isSo: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 5 && !isSo(); tries++) await sleep(400);
  return isSo();
}

interface Verdict {
  lost: number;
  foreignBytes: number;
  newUid: number;
  unreadable: number;
  flagsLost: number;
  uidsReused: number;
  uidValidityChanged: number;
  notServed: number;
}

const none = (): Verdict => ({
  lost: 0,
  foreignBytes: 0,
  newUid: 0,
  unreadable: 0,
  flagsLost: 0,
  uidsReused: 0,
  uidValidityChanged: 0,
  notServed: 0,
});
const all = Object.keys(none());

/** Opens an account as clients do, who ask again where they were told to, and holds what is there against what there was. */
async function judge(
  store: MailStore,
  home: string,
  uids: ReadonlyMap<number, string>,
  validity: number,
  verdict: Verdict,
  { exact = false, flagFirst = false } = {},
): Promise<string[]> {
  const notes: string[] = [];
  const wrong = (name: keyof Verdict, text: string): void => {
    verdict[name]++;
    notes.push(`${home}: ${name}: ${text}`);
  };
  try {
    let mail: AccountStore | undefined;
    let flagged = false;
    let found: Awaited<ReturnType<typeof contents>> | undefined;
    for (let attempt = 0; attempt < 6 && found === undefined; attempt++) {
      try {
        mail = await open(store, home);
        // Only what was answered with its row is promised.
        if (flagFirst && !flagged)
          flagged = (await mail.store(mail.find('INBOX')!.id, [...uids.keys()], flag)).rows.uids.length === uids.size;
        found = await contents(mail);
        if (Math.min(found.texts.size, found.headers.size) < uids.size && attempt < 5) {
          await sleep(700);
          found = undefined;
        }
      } catch (error) {
        // Damage may show only on the way.
        if (attempt === 5) throw error;
        await sleep(attempt * 500);
      }
    }
    for (const [uid, body] of uids) {
      const got = found!.texts.get(uid);
      const header = found!.headers.get(uid);
      if (got === undefined) {
        if ([...found!.texts.values()].includes(body)) wrong('newUid', `${uid}`);
        else if (onDisk(home, body)) wrong('unreadable', `${uid}`);
        else wrong('lost', `${uid}`);
      } else if (got !== body || (exact && header !== undefined && !body.startsWith(header)))
        wrong('foreignBytes', `${uid}: ${JSON.stringify(got.slice(0, 30))}, ${header}`);
      else if (header === undefined) wrong('unreadable', `${uid} is not listed`);
    }
    const { id } = mail!.find('INBOX')!;
    if (flagFirst && !(await soon(() => flaggedIn(mail!) === uids.size))) wrong('flagsLost', `${uids.size - flaggedIn(mail!)}`);
    if (mail!.status(id).uidValidity !== validity) wrong('uidValidityChanged', `${mail!.status(id).uidValidity}`);
    const [done] = await mail!.append('INBOX', [{ message: stagedBytes(Buffer.from(text(900))), flags: [] }]);
    if (uids.has(done!.uid)) wrong('uidsReused', `${done!.uid}`);
  } catch (error) {
    wrong('notServed', String((error as Error).stack));
  }
  if (notes.length === 0) rmSync(home, { recursive: true, force: true });
  return notes;
}

/** An account with mail, its index as it lies there when the store is closed and while it runs: then with a WAL. */
async function models(dir: string, count: number) {
  const closed = join(dir, 'closed');
  const running = join(dir, 'running');
  const store = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  const half = await fill(store, closed, count / 2);
  // Between two times of the same account: the three files of the index may come from either.
  cpSync(closed, join(dir, 'before'), { recursive: true, preserveTimestamps: true });
  const rest = await fill(store, closed, count / 2, count / 2);
  cpSync(closed, running, { recursive: true, preserveTimestamps: true });
  await store.close();
  return {
    closed,
    running,
    before: join(dir, 'before'),
    uids: new Map([...half.uids, ...rest.uids]),
    validity: half.validity,
    id: half.id,
  };
}

type Model = Awaited<ReturnType<typeof models>>;

/**
 * `cases` accounts, each spoilt by `spoil`, some at a time.
 *
 * @param exact octets that the index keeps of messages are not changed: those must be right, too
 */
async function spoilt(name: string, cases: number, spoil: (n: number, home: string, model: Model) => void, exact = false): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-damage-'));
  const model = await models(dir, 60);
  const verdict = none();
  const notes: string[] = [];
  const store = openStore({ ...storeDefaults, threads: 2, openAccounts: 8 }, { log: silentLog });
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < cases) {
      const n = next++;
      const home = join(dir, `${name}${n}`);
      cpSync(n % 2 === 0 ? model.running : model.closed, home, { recursive: true, preserveTimestamps: true });
      spoil(n, home, model);
      notes.push(...(await judge(store, home, model.uids, model.validity, verdict, { exact, flagFirst: exact && n % 4 > 1 })));
    }
  };
  await Promise.all(Array.from({ length: 12 }, work));
  await store.close();
  try {
    const line = figures({ [name]: cases, ...verdict }, all);
    rmSync(dir, { recursive: true, force: true });
    return line;
  } catch (error) {
    throw new Failed(
      `${(error as Error).message}; see ${dir}\n  ${[...new Set(notes.map((note) => note.slice(0, 300)))].slice(0, 40).join('\n  ')}`,
    );
  }
}

/** Octets at random places of the three files. */
export function damage(rounds: number, seed = 11): Promise<string> {
  const random = seeded(seed);
  return spoilt('mutations', rounds, (_, home) => {
    for (const file of files) if (random() < 0.6) mutate(join(home, file), random);
  });
}

/** Changes that leave the file whole for SQLite: one in a row, as a changed octet makes it, or rows that were swapped. */
const quiet: readonly string[] = [
  "UPDATE message SET file = replace(file, 'M', 'X') WHERE uid = 7",
  "UPDATE message SET file = replace(file, ',N=', ',n=') WHERE uid = 7",
  "UPDATE message SET file = 'cur/nothing:2,S' WHERE uid IN (7, 8, 9)",
  "UPDATE message SET file = replace(file, 'new/', 'nwe/') WHERE uid = 8",
  "UPDATE message SET file = '' WHERE uid = 8",
  "UPDATE message SET file = '../' || file WHERE uid = 8",
  'UPDATE message SET file = (SELECT file FROM message AS other WHERE other.mailbox_id = message.mailbox_id AND other.uid = 17 - message.uid) WHERE uid IN (8, 9)',
  'UPDATE message SET uid = 4000 WHERE uid = 9',
  'UPDATE message SET uid = 40000 WHERE uid = 60',
  'UPDATE message SET uid = uid + 100 WHERE uid > 30',
  'UPDATE message SET mailbox_id = 5 WHERE uid = 20',
  'UPDATE message SET content_id = content_id + 1 WHERE uid = 20',
  'UPDATE message SET file_size = 3, size = 3 WHERE uid = 20',
  "UPDATE message SET dirty = 1, file = replace(file, 'M', 'X') WHERE uid = 7",
  "UPDATE message SET dirty = 1, origin = '.Sent/cur/nothing' WHERE uid = 7",
  "UPDATE message SET dirty = 1, origin = '../../secret' WHERE uid = 7",
  'DELETE FROM message WHERE uid = 30',
  'DELETE FROM content WHERE id % 3 = 0',
  'DELETE FROM tombstone',
  'INSERT INTO tombstone (mailbox_id, uid, modseq, file) SELECT mailbox_id, uid, modseq, file FROM message WHERE uid = 12',
  'INSERT INTO tombstone (mailbox_id, uid, modseq, file) SELECT mailbox_id, 900, modseq, file FROM message WHERE uid = 12',
  "INSERT INTO tombstone (mailbox_id, uid, modseq, file) SELECT mailbox_id, 12, modseq, 'cur/gone' FROM message WHERE uid = 12",
  "UPDATE mailbox SET uid_next = 5 WHERE name = 'INBOX'",
  "UPDATE mailbox SET uid_next = 99999999999 WHERE name = 'INBOX'",
  "UPDATE mailbox SET uid_validity = uid_validity + 1 WHERE name = 'INBOX'",
  "UPDATE mailbox SET object_id = 'x' WHERE name = 'INBOX'",
  "UPDATE mailbox SET folder = '.Nowhere' WHERE name = 'INBOX'",
  "UPDATE mailbox SET name = 'INBOY' WHERE name = 'INBOX'",
  "UPDATE mailbox SET id = 77 WHERE name = 'INBOX'",
  "UPDATE mailbox SET messages = 3, unseen = 900, bytes = -4 WHERE name = 'INBOX'",
  "UPDATE mailbox SET modseq = 1 WHERE name = 'INBOX'",
  'UPDATE account SET modseq = 1',
  'UPDATE account SET ready = 0',
  "UPDATE account SET boot_id = 'another'",
  'DELETE FROM account',
  'DELETE FROM mailbox',
  'DROP INDEX message_by_modseq',
  'DROP TABLE tombstone',
];

export function quietDamage(changes = quiet): Promise<string> {
  return spoilt('rows', changes.length * 2, (n, home) => {
    const db = new SQLite(join(home, files[0]!));
    db.exec(changes[n >> 1]!);
    // One odd case in two is found with all changes in the file, the other with them in its WAL.
    if (n % 2 === 0) db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
  });
}

/**
 * An octet of the mailbox's number in one row, or in one entry of an index of the rows, where the file has them: SQLite then looks for
 * it, and for those behind it, elsewhere. Once the server is closed, so that nothing is in the WAL.
 */
export function hiddenRows(cases: number, seed = 11): Promise<string> {
  const random = seeded(seed);
  const spoil = (_: number, home: string, { closed, id }: Model): void => {
    for (const file of files) rmSync(join(home, file), { force: true });
    const bytes = readFileSync(join(closed, files[0]!));
    const places = placesOf(bytes, id);
    bytes[places[Math.floor(random() * places.length)]! + Math.floor(random() * 6)]! ^= 1 << Math.floor(random() * 8);
    writeFileSync(join(home, files[0]!), bytes);
  };
  return spoilt('hidden', cases, spoil, true);
}

/** Where the octets of a number of six octets begin. */
function placesOf(bytes: Buffer, number: number): number[] {
  const wanted = Buffer.alloc(6);
  wanted.writeUIntBE(number, 0, 6);
  const places: number[] = [];
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) places.push(at);
  return places;
}

/** The three files of the index from two different times, and some of them missing. */
async function mixed(): Promise<string> {
  return spoilt('mixes', 54, (n, home, { before, running, closed }) => {
    const sources = [before, n % 2 === 0 ? running : closed, null];
    for (const [i, file] of files.entries()) {
      const from = sources[Math.floor((n >> 1) / 3 ** i) % 3]!;
      rmSync(join(home, file), { force: true });
      if (from !== null && existsSync(join(from, file))) cpSync(join(from, file), join(home, file));
    }
  });
}

/** The index from a backup, older than the mail; then things in the Maildir that are no mail. */
async function older(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-older-'));
  const home = join(dir, 'a');
  const start = () => openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  let store = start();
  const { uids, validity } = await fill(store, home, 30);
  await store.close();
  cpSync(join(home, 'postcote.sqlite'), join(dir, 'backup.sqlite'));
  store = start();
  for (const [uid, body] of (await fill(store, home, 30, 30)).uids) uids.set(uid, body);
  await store.close();
  for (const file of files) rmSync(join(home, file), { force: true });
  cpSync(join(dir, 'backup.sqlite'), join(home, 'postcote.sqlite'));

  const root = join(home, 'Maildir');
  const secret = join(dir, 'secret');
  writeFileSync(secret, 'Subject: secret\n\nof another user\n');
  symlinkSync(secret, join(root, 'new/1.link.host'));
  symlinkSync('/', join(root, '.Root'));
  mkdirSync(join(root, 'cur/1.folder.host:2,S'));
  const socket = createServer().listen(join(root, 'new/1.socket.host'));
  for (const name of [
    'new/.hidden',
    'cur/\u00ff\u00fe:2,',
    'cur/x:2,ZZZZ',
    'new/,S=1,N=zz.1',
    'cur/a,N=9999999999.99999999999:2,',
    'new/__proto__',
  ])
    writeFileSync(join(root, name), `Subject: junk\n\n${name}\n`);
  execFileSync('mkfifo', [join(root, 'new/1.fifo.host')]);
  for (const name of ['.Closed', '.Closed/new', '.Closed/cur', '.Closed/tmp']) mkdirSync(join(root, name), { mode: 0 });
  writeFileSync(join(root, 'new/1.closed.host'), 'Subject: closed\n\nx\n', { mode: 0 });

  store = start();
  const { texts: found } = await contents(await open(store, home));
  const mail = await open(store, home);
  let [lost, changed, leaked] = [0, 0, 0];
  for (const [uid, body] of uids) {
    if (!found.has(uid)) lost++;
    else if (found.get(uid) !== body) changed++;
  }
  for (const body of found.values()) if (body.includes('another user')) leaked++;
  const linked = mail.find('Root') === null ? 0 : 1;
  const after = mail.status(mail.find('INBOX')!.id).uidValidity;
  await store.close();
  await new Promise((resolve) => socket.close(resolve));
  const line = figures(
    { messages: uids.size, junk: 13, there: found.size, lost, changed, leaked, linked, uidValidityChanged: after === validity ? 0 : 1 },
    ['lost', 'changed', 'leaked', 'linked', 'uidValidityChanged'],
  );
  rmSync(dir, { recursive: true, force: true });
  return line;
}

export const damageTests: readonly FaultTest[] = [
  { name: 'index-damaged', run: ({ long, rounds = long ? 2000 : 200 }) => damage(rounds, rounds) },
  { name: 'index-rows-wrong', run: () => quietDamage() },
  { name: 'index-rows-hidden', run: ({ long, rounds = long ? 120 : 24, seed }) => hiddenRows(rounds, seed) },
  { name: 'index-of-mixed-times', run: mixed },
  { name: 'index-older-and-junk', run: older },
];
