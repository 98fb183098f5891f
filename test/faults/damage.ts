// The index damaged, deleted, older than the mail; junk in the Maildir: mail and UIDs stay.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { stagedBytes } from '../../src/base/staging.ts';
import { Fault } from '../../src/mail/fault.ts';
import type { AccountId, Uid } from '../../src/mail/numbers.ts';
import { openStore } from '../../src/store/open-store.ts';
import { storeDefaults } from '../../src/store/settings.ts';
import type { AccountStore, MailStore } from '../../src/store/store.ts';
import { Failed, type FaultTest, figures, seeded } from './fault-test.ts';

const text = (n: number): string => `Subject: ${n}\n\n${`body ${n}\n`.repeat(1 + (n % 50))}`;
let accounts = 0;
const open = (store: MailStore, home: string): Promise<AccountStore> =>
  store.open({ id: ++accounts as AccountId, address: `d${accounts}@example.com`, home, quota: 0 });

/** UID to text; anything that cannot be read is left out. */
async function contents(mail: AccountStore): Promise<Map<number, string>> {
  const { id } = mail.find('INBOX')!;
  await mail.refresh(id);
  const found = new Map<number, string>();
  for (const uid of mail.snapshot(id).uids) {
    try {
      const file = await mail.openMessage(id, uid as Uid);
      found.set(uid, file.readSync(0, file.size).toString());
      file.close();
    } catch (error) {
      // One row that leads nowhere; the rest must be served.
      if (!(error instanceof Fault) || error.kind !== 'expunged') throw error;
    }
  }
  return found;
}

async function fill(store: MailStore, home: string, count: number): Promise<{ uids: Map<number, string>; validity: number }> {
  const mail = await open(store, home);
  const uids = new Map<number, string>();
  const done = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      mail.append('INBOX', [{ message: stagedBytes(Buffer.from(text(n))), flags: n % 3 === 0 ? ['\\Seen'] : [] }]),
    ),
  );
  for (const [n, [one]] of done.entries()) uids.set(one!.uid, text(n));
  return { uids, validity: mail.status(mail.find('INBOX')!.id).uidValidity };
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
  if (kind === 1) bytes.fill(0, at & ~4095, (at & ~4095) + 4096);
  if (kind === 3) rmSync(path);
  else writeFileSync(path, kind === 2 ? bytes.subarray(0, at) : kind === 4 ? Buffer.concat([bytes, bytes.subarray(0, 5000)]) : bytes);
}

async function damage(rounds: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-damage-'));
  const model = join(dir, 'model');
  const count = 60;
  const first = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  const { uids, validity } = await fill(first, model, count);
  // As it lies there while the server runs: with its WAL.
  const running = join(dir, 'running');
  cpSync(model, running, { recursive: true });
  await first.close();
  const random = seeded(11);
  const result = {
    mutations: rounds,
    lost: 0,
    foreignBytes: 0,
    newUid: 0,
    unreadable: 0,
    uidsReused: 0,
    uidValidityChanged: 0,
    notServed: 0,
  };
  const notes: string[] = [];
  const store = openStore({ ...storeDefaults, threads: 2, openAccounts: 8 }, { log: silentLog });
  for (let i = 0; i < rounds; i++) {
    const home = join(dir, `m${i}`);
    cpSync(i % 2 === 0 ? running : model, home, { recursive: true, preserveTimestamps: true });
    for (const file of files) if (random() < 0.6) mutate(join(home, file), random);
    try {
      // A damage may show only on the way: what was asked then is asked again by a client.
      let mail: AccountStore | undefined;
      let found: Map<number, string> | undefined;
      for (let attempt = 0; attempt < 6 && found === undefined; attempt++) {
        try {
          mail = await open(store, home);
          found = await contents(mail);
          if (found.size < count) {
            await sleep(700);
            found = attempt < 5 ? undefined : found;
          }
        } catch (error) {
          if (attempt === 5) throw error;
          await sleep(attempt * 500);
        }
      }
      for (const [uid, body] of uids) {
        const got = found!.get(uid);
        // A row may be damaged where SQLite cannot notice it: then the message comes back from its file under a new UID.
        if (got === undefined) {
          if ([...found!.values()].includes(body)) result.newUid++;
          else if (onDisk(home, body)) result.unreadable++;
          else result.lost++;
        }
        if (got !== undefined && got !== body) result.foreignBytes++;
      }
      const { id } = mail!.find('INBOX')!;
      if (mail!.status(id).uidValidity !== validity) result.uidValidityChanged++;
      const one = () => mail!.append('INBOX', [{ message: stagedBytes(Buffer.from(text(1))), flags: [] }]);
      // Refused for now where the damage shows only here.
      const [done] = await one().catch(one);
      if (uids.has(done!.uid)) result.uidsReused++;
    } catch (error) {
      result.notServed++;
      notes.push(`m${i}: ${String((error as Error).message)}`);
    }
    if (notes.length === 0) rmSync(home, { recursive: true, force: true });
  }
  await store.close();
  try {
    const line = figures(result, ['lost', 'foreignBytes', 'uidsReused', 'uidValidityChanged', 'notServed'], {
      newUid: Math.ceil(rounds / 20),
      unreadable: Math.ceil(rounds / 100),
    });
    rmSync(dir, { recursive: true, force: true });
    return line;
  } catch (error) {
    throw new Failed(`${(error as Error).message}; see ${dir}\n  ${notes.slice(0, 5).join('\n  ')}`);
  }
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
  for (const [uid, body] of (await fill(store, home, 30)).uids) uids.set(uid, body);
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
  writeFileSync(join(root, 'new/1.closed.host'), 'Subject: closed\n\nx\n', { mode: 0 });

  store = start();
  const found = await contents(await open(store, home));
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
    { messages: uids.size, junk: 11, there: found.size, lost, changed, leaked, linked, uidValidityChanged: after === validity ? 0 : 1 },
    ['lost', 'changed', 'leaked', 'linked', 'uidValidityChanged'],
  );
  rmSync(dir, { recursive: true, force: true });
  return line;
}

export const damageTests: readonly FaultTest[] = [
  { name: 'index-damaged', run: ({ long }) => damage(long ? 2000 : 200) },
  { name: 'index-older-and-junk', run: older },
];
