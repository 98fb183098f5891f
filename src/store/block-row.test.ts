import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { stagedBytes } from '../base/staging.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from './open-store.ts';
import { storeDefaults } from './settings.ts';
import type { Column, MessageRow, NewMessage } from './store.ts';

const columns = ['envelope', 'bodyStructure', 'body', 'header'] as const;
const texts = [
  'From: a@example.com\nSubject: one\n\nx',
  '',
  '\nno header',
  'Subject: r\xe9sum\xe9 \0 \xff\n\nx',
  'Subject: =?utf-8?q?caf=C3=A9?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
  // Longer than a row keeps.
  `X: ${'x'.repeat(70_000)}\n\nx`,
  'Subject: six\n\nx',
  'Subject: gone\n\nx',
  'Subject: eight\n\nx',
];

const said = (row: MessageRow): unknown[] => {
  const { uid, flags, moreKeywords, modSeq, internalDate, zone, size, saveDate, emailId } = row;
  const octets = columns.map((column) => row[column]?.toString('latin1') ?? null);
  return [
    uid,
    flags,
    moreKeywords,
    modSeq,
    internalDate,
    zone,
    size,
    saveDate,
    emailId,
    row.readOctets!(100_000)?.toString('latin1') ?? null,
    octets,
  ];
};

it('rows that are read together say what they say one by one', async () => {
  const home = mkdtempSync(join(tmpdir(), 'postcote-block-'));
  const store = openStore(storeDefaults, { log: silentLog });
  const mail = await store.open({ id: 1 as AccountId, address: 'a@example.com', home, quota: 0 });
  const { id } = mail.find('INBOX')!;
  for (const [n, text] of texts.entries()) {
    const more = n === 6 ? Array.from({ length: 28 }, (_, k) => `k${k}`) : ['\\Seen'];
    const message: NewMessage = { message: stagedBytes(Buffer.from(text, 'latin1')), flags: n % 2 === 0 ? more : [] };
    await mail.append('INBOX', [n === 3 ? { ...message, internalDate: -1000, zone: -240 } : message]);
  }
  await mail.expunge(id, [8], true);
  const all = (uids: readonly number[], some: readonly Column[]): MessageRow[] => [...mail.fetch(id, uids, some)].flat();
  const whole = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  // The structure is no octets: with it rows are read one by one.
  const singly = all(whole, [...columns, 'structure']).map(said);
  expect(singly.map(([uid]) => uid)).toEqual([1, 2, 3, 4, 5, 6, 7, 9]);
  expect(all(whole, columns).map(said)).toEqual(singly);
  expect(all([2, 4, 6, 7], columns).map(said)).toEqual(singly.filter(([uid]) => [2, 4, 6, 7].includes(uid as number)));
  for (const column of columns) {
    const rows = all(whole, [column]);
    expect(rows.map((row) => row[column]?.toString('latin1') ?? null)).toEqual(
      singly.map((row) => (row.at(-1) as unknown[])[columns.indexOf(column)]),
    );
    expect(columns.filter((other) => rows[0]![other] !== undefined)).toEqual([column]);
  }
  expect(all([8], columns)).toEqual([]);
  mail.release();
  await store.close();
  rmSync(home, { recursive: true, force: true });
});
