import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { requireSchema } from '../db/migrate.ts';
import { openDatabase } from '../db/open.ts';
import { quickCheck } from '../db/transaction.ts';
import { readMailboxFile } from './files/mailbox-file.ts';
import { bitsOfLetters, parseFileName, splitPath } from './files/name.ts';
import type { StoreSettings } from './settings.ts';
import { accountTable } from './tables/account.ts';
import { type MailboxRecord, mailboxTable } from './tables/mailbox.ts';
import { messageTable } from './tables/message.ts';
import { tombstoneTable } from './tables/tombstone.ts';
import { type AccountNames, indexName } from './writer/account-writer.ts';
import { readContents } from './writer/content.ts';
import { openWriter, setAside } from './writer/open.ts';
import { settleAll } from './writer/settle.ts';

/** One disagreement between an account's Maildir and its index. */
export interface Difference {
  readonly mailbox: string | null;
  readonly uid: number | null;
  /** File below the Maildir, where there is one. */
  readonly file: string | null;
  readonly problem: string;
}

/**
 * Compares an account's Maildir with its index and changes neither. Blocks. What is merely on its way to the disk is no difference;
 * while others write, something may be seen halfway: what is still so at a second call is real.
 */
export function verifyAccount(names: AccountNames, settings: StoreSettings): Difference[] {
  const index = join(names.home, indexName);
  const root = join(names.home, settings.maildir);
  const found: Difference[] = [];
  const add = (problem: string, mailbox: string | null = null, uid: number | null = null, file: string | null = null): void => {
    found.push({ mailbox, uid, file, problem });
  };
  if (!existsSync(join(root, 'cur')))
    return existsSync(index) ? [{ mailbox: null, uid: null, file: null, problem: `no Maildir at ${root}` }] : [];
  if (!existsSync(index)) return [{ mailbox: null, uid: null, file: null, problem: 'no index' }];
  const db = openDatabase(index, { readOnly: true });
  try {
    for (const complaint of quickCheck(db)) add(complaint);
    if (found.length > 0) return found;
    requireSchema(db, 'account');
    const mailboxes = mailboxTable(db);
    const messages = messageTable(db);
    const tombstones = tombstoneTable(db);
    db.transaction(() => {
      const all = mailboxes.all();
      const folders = new Set(all.map(({ folder }) => folder));
      for (const { name } of readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
        if (name.startsWith('.') && existsSync(join(root, name, 'cur')) && !folders.has(name))
          add('folder without mailbox', null, null, name);
      }
      let [count, bytes] = [0, 0];
      for (const mailbox of all) {
        const sums = verifyMailbox(root, mailbox, messages, tombstones, (problem, uid, file) => add(problem, mailbox.name, uid, file));
        count += sums.count;
        bytes += sums.bytes;
      }
      const account = accountTable(db).usage();
      if (account.messages !== count || account.bytes !== bytes)
        add(`usage says ${account.messages} messages, ${account.bytes} octets; they are ${count}, ${bytes}`);
    })();
  } finally {
    db.close();
  }
  return found;
}

function verifyMailbox(
  root: string,
  mailbox: MailboxRecord,
  messages: ReturnType<typeof messageTable>,
  tombstones: ReturnType<typeof tombstoneTable>,
  add: (problem: string, uid: number | null, file: string | null) => void,
): { count: number; bytes: number } {
  const path = join(root, mailbox.folder);
  const kept = readMailboxFile(path);
  if (kept === null) add('folder has no postcote-mailbox file', null, mailbox.folder);
  else if (kept.uidValidity !== mailbox.uidValidity)
    add(`UIDVALIDITY ${kept.uidValidity} in the folder, ${mailbox.uidValidity} in the index`, null, null);
  else if (kept.reserved < mailbox.uidNext - 1) add(`UIDs reserved to ${kept.reserved}, given to ${mailbox.uidNext - 1}`, null, null);
  const files = new Map<string, string>();
  for (const part of ['new', 'cur'] as const) {
    if (!existsSync(join(path, part))) continue;
    for (const entry of readdirSync(join(path, part), { withFileTypes: true })) {
      if (entry.isFile() && !entry.name.startsWith('.')) files.set(`${part}/${entry.name}`, entry.name);
    }
  }
  let [count, bytes, unseen, fresh] = [0, 0, 0, 0];
  for (const row of messages.range(mailbox.id, 1, 0xffff_ffff)) {
    count++;
    bytes += row.size;
    if ((row.flags & 1) === 0) unseen++;
    if (row.file.startsWith('new/')) fresh++;
    if (row.uid >= mailbox.uidNext) add(`UID not below UIDNEXT ${mailbox.uidNext}`, row.uid, row.file);
    if (row.origin !== null && existsSync(join(root, row.origin))) continue;
    if (!files.delete(row.file)) add('message without file', row.uid, row.file);
    else if (row.dirty === 0 && bitsOfLetters(parseFileName(splitPath(row.file).name).letters ?? '') !== row.flags)
      add('flags differ', row.uid, row.file);
  }
  if (fresh !== mailbox.fresh) add(`counters say ${mailbox.fresh} in new/, rows ${fresh}`, null, null);
  if (count !== mailbox.messages || bytes !== mailbox.bytes || unseen !== mailbox.unseen) {
    add(
      `counters say ${mailbox.messages} messages, ${mailbox.bytes} octets, ${mailbox.unseen} unseen; they are ${count}, ${bytes}, ${unseen}`,
      null,
      null,
    );
  }
  const origins = messages.origins();
  for (const [file, name] of files) {
    const { uid, uidValidity } = parseFileName(name);
    const isOurs = uid !== null && uidValidity === mailbox.uidValidity;
    if (isOurs && (tombstones.has(mailbox.id, uid)?.file ?? null) !== null) continue;
    if (origins.has(join(mailbox.folder, file))) continue;
    add('file without message', isOurs ? uid : null, file);
  }
  return { count, bytes };
}

/** Sets an account's index aside and makes a new one from the Maildir, contents included. Blocks. Safe while servers run. @returns messages */
export function rebuildAccount(names: AccountNames, settings: StoreSettings, log: Log): number {
  const before = openWriter(names, settings, log).writer;
  try {
    // Under its lock: who waits for that finds the index replaced, and begins again with the new one.
    before.transaction(() => {
      settleAll(before);
      setAside(names.home, before.inode, log, null);
    });
  } finally {
    before.close();
  }
  const { writer } = openWriter(names, settings, log);
  try {
    while (readContents(writer));
    return writer.account.usage().messages;
  } finally {
    writer.close();
  }
}
