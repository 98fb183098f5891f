import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import { accountTable } from './account.ts';
import { blockTable } from './block.ts';
import { contentTable } from './content.ts';
import { mailboxTable } from './mailbox.ts';
import { messageTable } from './message.ts';
import { tombstoneTable } from './tombstone.ts';

it('no statement walks a table of messages, or sorts one', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postcote-plans-'));
  const db = openDatabase(join(dir, 'a.sqlite'));
  migrate(db, 'account');
  const plans: string[] = [];
  const explaining = {
    prepare(sql: string) {
      if (/^\s*(SELECT|UPDATE|DELETE)/.test(sql)) {
        const steps = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from({ length: sql.split('?').length - 1 }, () => 1)) as {
          detail: string;
        }[];
        for (const { detail } of steps) plans.push(`${detail} | ${sql.replaceAll(/\s+/g, ' ').trim()}`);
      }
      return db.prepare(sql);
    },
  } as unknown as Database;
  for (const table of [accountTable, mailboxTable, messageTable, contentTable, tombstoneTable]) table(explaining);
  blockTable(explaining).range(['envelope', 'header'], 1, 1, 1);
  const walks = plans.filter((plan) => /^SCAN (message|content|header|tombstone|delivery|more_keyword)/.test(plan));
  // Partial indexes that hold only what is wanted, and what a changed machine asks for once.
  const allowed = /USING (COVERING )?INDEX (message_dirty|message_unread|tombstone_pending)|UPDATE message SET dirty = 1$/;
  expect(walks.filter((plan) => !allowed.test(plan))).toEqual([]);
  const sorts = plans.filter((plan) => plan.includes('TEMP B-TREE') && !plan.includes('ORDER BY +uid'));
  expect(sorts).toEqual([]);
  expect(plans.length).toBeGreaterThan(40);
  db.close();
  rmSync(dir, { recursive: true, force: true });
});
