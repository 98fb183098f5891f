import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { stagedBytes } from '../../base/staging.ts';
import { openDatabase } from '../../db/open.ts';
import { casemap } from '../../mail/casemap.ts';
import type { AccountId, MailboxId, Uid } from '../../mail/numbers.ts';
import type { SearchKey } from '../../mail/search.ts';
import { openStore } from '../open-store.ts';
import { storeDefaults } from '../settings.ts';
import type { AccountStore, MailStore } from '../store.ts';
import { searchTable } from '../tables/search.ts';
import { candidates, needleBits, signatureEntry, withoutGone } from './signature.ts';

describe('signature', () => {
  it('never misses a needle', () => {
    const text = fc.string({ unit: fc.constantFrom('A', 'B', ' ', 'é', '日', '本', '語', 'Ж', '😀'), maxLength: 400 });
    fc.assert(
      fc.property(text, fc.nat(400), fc.integer({ min: 1, max: 12 }), (whole, from, length) => {
        const characters = Array.from(whole);
        const needle = characters.slice(from, from + length).join('');
        const found: number[] = [];
        const block = Buffer.concat([signatureEntry(7, [Buffer.from('other')]), signatureEntry(0xfedcba98, [Buffer.from(whole)])]);
        candidates(block, needleBits(Buffer.from(needle)), found);
        expect(found).toContain(0xfedcba98);
      }),
    );
  });

  it('loses entries of what is gone, and no other', () => {
    const entries = [1, 2, 0xfedcba98].map((id) => signatureEntry(id, [Buffer.from(`text ${id}`.repeat(id % 50))]));
    const left = withoutGone(Buffer.concat(entries), (id) => id !== 2);
    expect(left).toEqual({ entries: 2, signatures: Buffer.concat([entries[0]!, entries[2]!]) });
  });

  it('rarely passes what is not there', () => {
    const words = Array.from({ length: 600 }, (_, i) => (i * 7919).toString(36).toUpperCase());
    const entries = words.slice(0, 500).map((_, i) => signatureEntry(i + 1, [Buffer.from(words.slice(i, i + 100).join(' '))]));
    const found: number[] = [];
    candidates(Buffer.concat(entries), needleBits(Buffer.from('QXQXZWJV')), found);
    expect(found.length).toBeLessThan(25);
  });
});

const jis = (text: string, octets: number[]): string => `${text}${String.fromCharCode(...octets)}`;
const messages = [
  'From: Anna <anna@example.com>\nTo: bob@example.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Wien\nX-Extra: hello world\n\nThe quick brown fox\n',
  jis(
    'From: taro@example.jp\nSubject: =?iso-2022-jp?B?GyRCTCQ+NUJ6OS05cBsoQg==?=\nMIME-Version: 1.0\nContent-Type: text/plain; charset=shift_jis\n\n',
    [0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea, 0x0a],
  ),
  'From: x@y (Comment)\nTo: <user (c)@ (d) domain.org>\nSubject: pictures\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee file\n--b\nContent-Type: image/png\nContent-Disposition: attachment; filename="sunset-in-rome.png"\n\nxx\n--b--\n',
  `Subject: long\n\n${'lorem ipsum dolor\n'.repeat(60_000)}the very end\n`,
  'Subject: =?koi8-r?B?8NLJ18XU?=\nCc: carol@example.net\nMIME-Version: 1.0\nContent-Type: text/html\n\n<p>Hello <b>wor</b>ld</p><script>hidden()</script>\n',
];
const keys = [
  { kind: 'header', field: 'from', text: 'ANNA' },
  { kind: 'header', field: 'from', text: 'example' },
  { kind: 'header', field: 'to', text: 'user@domain.org' },
  { kind: 'header', field: 'subject', text: 'grüsse' },
  { kind: 'header', field: 'subject', text: '未承諾' },
  { kind: 'header', field: 'subject', text: '承' },
  { kind: 'header', field: 'subject', text: 'привет' },
  { kind: 'header', field: 'cc', text: '' },
  { kind: 'header', field: 'x-extra', text: 'lo wor' },
  { kind: 'header', field: 'x-extra', text: '' },
  { kind: 'header', field: 'extra', text: '' },
  { kind: 'header', field: 'x-none', text: 'hello' },
  { kind: 'body', text: 'QUICK' },
  { kind: 'body', text: '日本' },
  { kind: 'body', text: '語' },
  { kind: 'body', text: 'anna' },
  { kind: 'body', text: 'sunset-in' },
  { kind: 'body', text: 'the very end' },
  { kind: 'body', text: 'hello world' },
  { kind: 'body', text: 'hidden' },
  { kind: 'body', text: 'e' },
  { kind: 'text', text: 'anna' },
  { kind: 'text', text: 'subject: pict' },
  { kind: 'text', text: 'world' },
  { kind: 'text', text: 'nowhere to be found' },
] as const;
const expected = [
  [1],
  [1, 2],
  [3],
  [1],
  [2],
  [2],
  [5],
  [5],
  [1],
  [1],
  [],
  [],
  [1],
  [2],
  [2],
  [],
  [3],
  [4],
  [5],
  [],
  [1, 3, 4, 5],
  [1],
  [3],
  [1, 5],
  [],
];

describe('search index', () => {
  let dir: string;
  let store: MailStore;
  let mail: AccountStore;
  let id: MailboxId;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'postcote-search-'));
    store = openStore({ ...storeDefaults, threads: 1, minFree: 0 }, { log: silentLog });
    mail = await store.open({ id: 1 as AccountId, address: 'a@b', home: join(dir, 'home'), quota: 0 });
    id = mail.find('INBOX')!.id;
  });
  afterAll(async () => {
    mail.release();
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const answers = async (): Promise<number[][]> => {
    const found: number[][] = [];
    for (const key of keys) found.push([...(await mail.search(id, key))]);
    return found;
  };
  const indexed = async (): Promise<void> => {
    const db = openDatabase(join(dir, 'home/postcote.sqlite'), { readOnly: true });
    const table = searchTable(db);
    for (let i = 0; i < 200 && table.hasPending(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
    expect(table.hasPending()).toBe(false);
    db.close();
  };

  it('answers alike before, while and after words are indexed', async () => {
    await mail.append(
      'INBOX',
      messages.slice(0, 3).map((text) => ({ message: stagedBytes(Buffer.from(text, 'latin1')), flags: [] })),
    );
    await indexed();
    await mail.append(
      'INBOX',
      messages.slice(3).map((text) => ({ message: stagedBytes(Buffer.from(text, 'latin1')), flags: [] })),
    );
    expect(await answers()).toEqual(expected);
    await indexed();
    expect(await answers()).toEqual(expected);
  });

  it('forgets what is expunged, and knows copies', async () => {
    await mail.copy(id, [2], 'Archive');
    await mail.expunge(id, [2], true);
    const archive = mail.find('Archive')!.id;
    expect([...(await mail.search(archive, { kind: 'body', text: '日本' }))]).toEqual([1]);
    expect([...(await mail.search(id, { kind: 'body', text: '日本' }))]).toEqual([]);
    expect([...(await mail.search(id, { kind: 'not', key: { kind: 'body', text: casemap('quick') } }))]).toEqual([3, 4, 5]);
  });

  it('says of few messages what it says of all', async () => {
    const filler = Array.from({ length: 100 }, (_, n) => ({
      message: stagedBytes(Buffer.from(`Subject: filler ${n}\n\nhello\n`)),
      flags: [],
    }));
    const compare = async (): Promise<void> => {
      const all = await answers();
      for (const uid of [1, 2, 3, 4, 5, 6]) {
        const few: SearchKey = { kind: 'uids', ranges: [[uid as Uid, (uid + 1) as Uid]] };
        for (const [n, key] of keys.entries()) {
          const found = await mail.search(id, { kind: 'and', keys: [few, key] });
          expect([...found], JSON.stringify(key)).toEqual(all[n]!.filter((one) => one === uid || one === uid + 1));
        }
      }
    };
    await mail.append('INBOX', filler);
    await compare();
    await indexed();
    await compare();
  });
});
