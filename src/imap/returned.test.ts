import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImapServer, imapServer } from '../../test/support/imap.ts';
import { silentLog } from '../base/log.ts';
import type { AccountId } from '../mail/numbers.ts';
import { openStore } from '../store/open-store.ts';
import { storeDefaults } from '../store/settings.ts';
import type { MailboxStatus, MailStore } from '../store/store.ts';

let home: string;
let store: MailStore;
let server: ImapServer;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'postcote-returned-'));
  store = openStore({ ...storeDefaults, threads: 1, minFree: 0 }, { log: silentLog });
  server = await imapServer({ store, home });
});
afterEach(async () => {
  await server.close();
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

const maildir = (): string => join(home, 'ann@example.com/Maildir');
const put = (count: number, name: (n: number) => string): void => {
  for (let n = 1; n <= count; n++) writeFileSync(join(maildir(), 'new', name(n)), `Subject: ${n}\n\nx\n`);
};
const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1]);

describe('files that another program puts into a mailbox', () => {
  it('are told in pieces, each once, and whoever resynchronizes from any of them hears of all others', async () => {
    const count = 1500;
    const idle = await server.client('ann');
    await idle.ok('ENABLE QRESYNC');
    await idle.ok('SELECT INBOX');
    put(count, (n) => `${1_700_000_000 + n}.M${n}.host`);
    idle.send('i IDLE\r\n');
    const other = await server.client('ann');
    const opened = (await server.client('ann')).ok('SELECT INBOX');
    const mail = await store.open({ id: 1 as AccountId, address: 'ann@example.com', home: join(home, 'ann@example.com'), quota: 0 });
    const { id } = mail.find('INBOX')!;
    const states = new Map<number, MailboxStatus>();
    const told: number[] = [];
    while (told.at(-1) !== count) {
      const exists = /^\* (\d+) EXISTS/.exec(await idle.line());
      if (exists === null) continue;
      told.push(Number(exists[1]));
      const status = mail.status(id);
      states.set(status.messages, status);
    }
    expect((await opened).join()).toContain(`* ${count} EXISTS`);
    expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b));

    await other.ok('ENABLE QRESYNC');
    const selected = (await other.ok('EXAMINE INBOX')).join();
    const uids = (await other.ok('UID SEARCH ALL')).join().match(/\d+/g)!.slice(0, count).map(Number);
    expect(uids).toHaveLength(count);
    const validity = numberIn(selected, /UIDVALIDITY (\d+)/);
    for (const [messages, { uidNext, highestModSeq }] of states) {
      expect(uids.filter((uid) => uid < uidNext)).toHaveLength(messages);
      const lines = await other.ok(`EXAMINE INBOX (QRESYNC (${validity} ${highestModSeq}))`);
      const fetched = lines.flatMap((line) => /^\* \d+ FETCH \(UID (\d+)/.exec(line)?.slice(1).map(Number) ?? []);
      expect(fetched).toEqual(uids.filter((uid) => uid >= uidNext));
    }
  });

  it('and that are its messages come back to who opens it next; whoever has it open must open it anew', async () => {
    const client = await server.client('ann');
    await client.ok('ENABLE QRESYNC');
    const validity = numberIn((await client.ok('SELECT INBOX')).join(), /UIDVALIDITY (\d+)/);
    for (let n = 1; n <= 3; n++) await client.append('INBOX', `Subject: ${n}\r\n\r\nx\r\n`);
    const known = numberIn((await client.ok('STATUS INBOX (HIGHESTMODSEQ)')).join(), /HIGHESTMODSEQ (\d+)/);
    // As from a backup: one far above, then many between.
    put(1, () => `1700000000.M1.host,S=16,W=19,N=${validity.toString(36)}.900`);
    expect((await client.ok('NOOP')).join()).toContain('* 4 EXISTS');
    put(1500, (n) => `${1_700_000_000 + n}.M${n}b.host,S=16,W=19,N=${validity.toString(36)}.${n + 10}`);
    const last = await client.command('NOOP');
    expect(last.join()).toContain('* BYE Messages came back');
    expect(last.join()).not.toContain('EXISTS');
    const again = await server.client('ann');
    await again.ok('ENABLE QRESYNC');
    const selected = (await again.ok(`SELECT INBOX (QRESYNC (${validity} ${known}))`)).join('\n');
    expect(selected).toContain('* 1504 EXISTS');
    expect(selected.match(/FETCH \(UID/g)!.length).toBeGreaterThan(1500);
  });
});
