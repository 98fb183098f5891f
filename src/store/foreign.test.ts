import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crowd } from '../../test/support/time.ts';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId, MailboxId, Uid } from '../mail/numbers.ts';
import { exportDovecot } from './export-dovecot.ts';
import { readDovecotUids } from './files/dovecot.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { AccountStore, MailStore } from './store.ts';
import { verifyAccount } from './verify.ts';

let dir: string;
let store: MailStore;
let mail: AccountStore;
let id: MailboxId;
let root: string;
const start = async () => {
  store = openStore({ ...storeDefaults, threads: 1 }, { log: silentLog });
  mail = await store.open({ id: 1 as AccountId, address: 'a@example.com', home: join(dir, 'a'), quota: 0 });
  id = mail.find('INBOX')!.id;
};
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-foreign-'));
  root = join(dir, 'a/Maildir');
  await start();
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});
const text = (subject: string) => `From: a@example.com\nSubject: ${subject}\n\ntext\n`;
const add = async (subject: string, flags: string[] = []) =>
  (await mail.append('INBOX', [{ message: stagedBytes(Buffer.from(text(subject))), flags }]))[0]!.uid;
const uids = () => [...mail.snapshot(id).uids];
const flags = () => [...mail.snapshot(id).flags];
const restart = async () => {
  await store.close();
  await start();
};
const read = async (uid: number) => {
  const file = await mail.openMessage(id, uid as Uid);
  try {
    return file.readSync(0, file.size).toString();
  } finally {
    file.close();
  }
};
const names = (part: string) => readdirSync(join(root, part));

describe('another program', () => {
  it('drops a file into new/', async () => {
    await add('ours');
    writeFileSync(join(root, 'new/1.foreign.host'), text('theirs'));
    await mail.refresh(id);
    expect(uids()).toEqual([1, 2]);
    expect(names('new').find((name) => name.startsWith('1.foreign.host'))).toMatch(/^1\.foreign\.host,N=[0-9a-z]+\.2$/);
    expect(await read(2)).toBe(text('theirs'));
    expect(mail.status(id).size).toBe(2 * text('theirs').length - 2 + 8);
  });

  it('renames a file to set flags', async () => {
    await add('one');
    await add('two');
    const since = mail.snapshot(id).highestModSeq;
    const first = names('new').find((name) => name.endsWith('.1'));
    renameSync(join(root, 'new', first!), join(root, 'cur', `${first}:2,FSa`));
    writeFileSync(join(root, 'dovecot-keywords'), '0 $Work\n');
    await mail.refresh(id);
    expect(flags()).toEqual([1 | 4 | 32, 0]);
    expect(mail.keywords(id)).toEqual(['$Work']);
    expect([...(await mail.changes(id, since)).changed.uids]).toEqual([1]);
    expect(await read(1)).toBe(text('one'));
    await mail.store(id, [1], { op: 'remove', flags: ['\\Flagged'] });
    await expect.poll(() => names('cur')).toEqual([`${first}:2,Sa`]);
  });

  it('removes a file: gone after two looks', async () => {
    await add('one');
    await add('two');
    rmSync(join(root, 'new', names('new').find((name) => name.endsWith('.1'))!));
    await mail.refresh(id);
    expect(uids()).toEqual([1, 2]);
    await expect.poll(() => uids(), { timeout: 20_000, interval: 100 }).toEqual([2]);
    expect([...(await mail.changes(id, 0 as never)).expunged]).toEqual([1]);
  });

  it('moves a file while it is being read', async () => {
    await add('one');
    const [name] = names('new');
    renameSync(join(root, 'new', name!), join(root, 'cur', `${name}:2,S`));
    expect(await read(1)).toBe(text('one'));
  });

  it('copies a file of ours: a message of its own', async () => {
    await add('one');
    const [name] = names('new');
    writeFileSync(join(root, 'cur', `${name}:2,S`), text('copy'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    await mail.refresh(id);
    expect(uids()).toEqual([1, 2]);
    expect(await read(1)).toBe(text('one'));
    expect(await read(2)).toBe(text('copy'));
    const [rows] = [...mail.fetch(id, [1, 2], [])];
    expect(new Set(rows!.map(({ emailId }) => emailId)).size).toBe(2);
  });

  it('brings a file of another UIDVALIDITY', async () => {
    writeFileSync(join(root, 'cur/5.x.host,S=40,W=44,N=1.77:2,S'), text('other'));
    await mail.refresh(id);
    expect(uids()).toEqual([1]);
    expect(names('cur')[0]).toMatch(/^5\.x\.host,S=40,W=44,N=\w+\.1:2,S$/);
  });

  it('leaves links, folders, pipes and junk', async () => {
    writeFileSync(join(dir, 'secret'), text('secret'));
    symlinkSync(join(dir, 'secret'), join(root, 'new/1.link.host'));
    mkdirSync(join(root, 'cur/2.folder.host:2,'));
    execFileSync('mkfifo', [join(root, 'new/3.pipe.host')]);
    writeFileSync(join(root, 'new/.hidden'), 'x');
    await add('one');
    await mail.refresh(id);
    expect(uids()).toEqual([1]);
    expect(existsSync(join(root, 'new/1.link.host'))).toBe(true);
  });

  it('makes and removes folders', async () => {
    mkdirSync(join(root, '.Lists.dev/cur'), { recursive: true });
    for (const part of ['new', 'tmp']) mkdirSync(join(root, '.Lists.dev', part));
    writeFileSync(join(root, '.Lists.dev/new/1.a.host'), text('x'));
    await mail.refresh(id);
    const lists = mail.find('Lists/dev')!;
    expect(mail.find('Lists')).toBeNull();
    expect(mail.list().find(({ name }) => name === 'Lists')!.selectable).toBe(false);
    await mail.refresh(lists.id);
    expect([...mail.snapshot(lists.id).uids]).toEqual([1]);
    rmSync(join(root, '.Lists.dev'), { recursive: true });
    await mail.refresh(id);
    expect(mail.find('Lists/dev')).toBeNull();
  });

  it('is heard while watched', async () => {
    const heard = new Promise<void>((resolve) => {
      mail.watch(id, resolve);
    });
    const began = performance.now();
    writeFileSync(join(root, 'new/1.foreign.host'), text('theirs'));
    await heard;
    expect(performance.now() - began).toBeLessThan(1000 * crowd());
    expect(uids()).toEqual([1]);
  });
});

describe('a program that renames all the time', () => {
  it('leads to no false expunge, no second message', async () => {
    const all = Array.from({ length: 300 }, (_, i) => ({ message: stagedBytes(Buffer.from(text(`m${i}`))), flags: ['\\Seen'] }));
    await mail.append('INBOX', all);
    let flips = 0;
    const until = Date.now() + (process.env.FUZZ === 'long' ? 30_000 : 1500);
    for (let round = 0; round < 20 || Date.now() < until; round++) {
      for (let i = 0; i < 10; i++) {
        const list = names('cur');
        const from = list[(flips * 7919) % list.length]!;
        // Ours may have renamed it meanwhile.
        const to = from.replace(/:2,(S?)$/, (_, seen: string) => (seen === '' ? ':2,S' : ':2,'));
        if (existsSync(join(root, 'cur', from))) renameSync(join(root, 'cur', from), join(root, 'cur', to));
        flips++;
      }
      await mail.store(id, [1 + (flips % 300)], { op: 'add', flags: ['\\Flagged'] });
      await mail.refresh(id);
    }
    expect(uids()).toEqual(all.map((_, i) => i + 1));
    expect([...(await mail.changes(id, 0 as never)).expunged]).toEqual([]);
    const settings = { ...storeDefaults };
    const owner = { address: 'a@example.com', home: join(dir, 'a') };
    await expect
      .poll(
        async () => {
          await mail.refresh(id);
          return verifyAccount(owner, settings);
        },
        { timeout: 20_000, interval: 200 },
      )
      .toEqual([]);
  });
});

describe('the index', () => {
  const look = () => ({
    list: mail.list().map(({ name, uidValidity, mailboxId, specialUse }) => [name, uidValidity, mailboxId, specialUse]),
    subscriptions: mail.subscriptions(),
    uids: uids(),
    flags: flags(),
    keywords: mail.keywords(id),
    id,
  });

  for (const [how, spoil] of [
    ['is deleted', () => execFileSync('sh', ['-c', `rm ${join(dir, 'a')}/postcote.sqlite*`])],
    ['is junk', () => writeFileSync(join(dir, 'a/postcote.sqlite'), 'x'.repeat(100_000))],
    ['is empty', () => writeFileSync(join(dir, 'a/postcote.sqlite'), '')],
  ] as const) {
    it(`${how}: UIDs, flags, keywords, subscriptions stay`, async () => {
      for (let i = 0; i < 5; i++) await add(`m${i}`, i === 2 ? ['\\Seen', 'work'] : []);
      await mail.store(id, [4], { op: 'add', flags: ['\\Flagged', 'home'] });
      await mail.expunge(id, [2, 5], true);
      await mail.create('Lists/x');
      await mail.subscribe('Lists/x', true);
      await store.close();
      store = openStore(storeDefaults, { log: silentLog });
      mail = await store.open(mail.account);
      const before = look();
      await store.close();
      spoil();
      await start();
      expect(look()).toEqual(before);
      expect(await add('next')).toBeGreaterThan(5);
      expect(await read(4)).toBe(text('m3'));
    });
  }

  it('is deleted while in use', async () => {
    await add('one');
    const before = look();
    execFileSync('sh', ['-c', `rm ${join(dir, 'a')}/postcote.sqlite*`]);
    expect(await add('two')).toBeGreaterThan(1);
    await expect
      .poll(async () => {
        await mail.refresh(id);
        return [look().list, uids().length];
      })
      .toEqual([before.list, 2]);
    expect(await read(1)).toBe(text('one'));
  });

  it('reads contents later when many files are new to it', async () => {
    for (let i = 0; i < 300; i++) {
      const name = join(root, `new/${1000 + i}.many.host,S=${text('many').length},W=${text('many').length + 4}`);
      writeFileSync(name, text('many'));
      utimesSync(name, 1000 + i, 1000 + i);
    }
    await mail.refresh(id);
    expect(uids()).toHaveLength(300);
    const rows = [...mail.fetch(id, [1, 300], ['envelope'])].flat();
    expect(rows.map(({ internalDate }) => internalDate)).toEqual([1_000_000, 1_299_000]);
    expect(rows[1]!.envelope!.toString()).toContain('"many"');
  });

  it('comes back after a restart without reading folders', async () => {
    await add('one');
    await mail.store(id, [1], { op: 'add', flags: ['\\Seen'] });
    await restart();
    expect(flags()).toEqual([1]);
    expect(names('cur')[0]).toMatch(/:2,S$/);
  });
});

describe('an index from a backup', () => {
  it('gives no UID twice', async () => {
    await add('one');
    await add('two');
    await store.close();
    const backup = readFileSync(join(dir, 'a/postcote.sqlite'));
    await start();
    await mail.expunge(id, [1], true);
    await add('three');
    await add('four');
    await mail.expunge(id, [4], true);
    await mail.store(id, [2], { op: 'add', flags: ['\\Seen'] });
    await store.close();
    writeFileSync(join(dir, 'a/postcote.sqlite'), backup);
    await start();
    expect(await add('five')).toBeGreaterThan(4);
    await mail.refresh(id);
    await expect.poll(() => uids().slice(0, 2), { timeout: 20_000, interval: 100 }).toEqual([2, 3]);
    expect(flags().slice(0, 2)).toEqual([1, 0]);
    expect(await read(3)).toBe(text('three'));
  });
});

describe('a Maildir that Dovecot served', () => {
  it('keeps UIDs, UIDVALIDITY, keywords, subscriptions', async () => {
    await store.close();
    rmSync(join(dir, 'a'), { recursive: true });
    for (const part of ['new', 'cur', 'tmp', '.Sent/new', '.Sent/cur', '.Sent/tmp']) mkdirSync(join(root, part), { recursive: true });
    const put = (part: string, name: string) => writeFileSync(join(root, part, name), text(name));
    put('cur', '100.M1P1.host,S=45,W=49:2,Sa');
    put('cur', '200.M1P1.host,S=45,W=49:2,');
    put('new', '300.M1P1.host');
    writeFileSync(
      join(root, 'dovecot-uidlist'),
      '3 V1275660208 N30 G3085f01b7f11094c501100008c4a11c1\n7 W49 S45 :100.M1P1.host,S=45,W=49\n12 :200.M1P1.host,S=45,W=49:2,\n20 :gone\n',
    );
    writeFileSync(join(root, 'dovecot-keywords'), '0 $Forwarded\n');
    writeFileSync(join(root, 'subscriptions'), 'V\t2\n\nSent\nLists\tdev\n');
    await start();
    expect(uids()).toEqual([7, 12, 30]);
    expect(mail.snapshot(id).uidValidity).toBe(1_275_660_208);
    expect(flags()).toEqual([33, 0, 0]);
    expect(mail.keywords(id)).toEqual(['$Forwarded']);
    expect(mail.subscriptions()).toContain('Lists/dev');
    expect(mail.find('Sent')!.specialUse).toBe('\\Sent');
    expect(await read(12)).toContain('200.M1P1');
    expect(await add('next')).toBe(31);
  });

  it('goes back to it with the same UIDs', async () => {
    await mail.append('Sent', [{ message: stagedBytes(Buffer.from(text('sent'))), flags: ['\\Seen', '$Work'] }]);
    await add('one');
    const { uidValidity, uidNext } = mail.snapshot(id);
    const known = uids();
    await store.close();
    const owner = { address: 'a@example.com', home: join(dir, 'a') };
    const count = exportDovecot(owner, storeDefaults, silentLog, (messages) => messages.map(({ uid }) => `p${uid}`));
    expect(count).toBe(known.length + 1);
    const lines = readFileSync(join(root, 'dovecot-uidlist'), 'utf8').split('\n');
    expect(lines[0]).toMatch(new RegExp(`^3 V${uidValidity} N${uidNext} G[0-9a-f]{32}$`));
    expect(lines.slice(1, -1).map((line) => line.split(' ', 2).join(' '))).toEqual(known.map((uid) => `${uid} Pp${uid}`));
    const sent = readDovecotUids(join(root, '.Sent'))!;
    const [file] = readdirSync(join(root, '.Sent/cur'));
    expect(sent.uids.get(file!.split(':')[0]!)).toBe(1);
    await start();
  });
});

describe('deleting a mailbox', () => {
  it('leaves nothing; one cut off by a crash is as before', async () => {
    await mail.create('Old');
    await mail.append('Old', [{ message: stagedBytes(Buffer.from(text('x'))), flags: [] }]);
    await mail.delete('Old');
    await expect.poll(() => names('tmp')).toEqual([]);
    const kept = await mail.create('Kept');
    await mail.append('Kept', [{ message: stagedBytes(Buffer.from(text('y'))), flags: [] }]);
    await store.close();
    renameSync(join(root, '.Kept'), join(root, `tmp/removed.${kept.id}.1`));
    await start();
    expect(mail.find('Kept')).toEqual(kept);
    expect([...mail.snapshot(kept.id).uids]).toEqual([1]);
    expect(names('tmp')).toEqual([]);
  });
});
