import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rm, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../../base/durable-file.ts';
import { Fault } from '../../mail/fault.ts';
import { readMailboxFile, writeMailboxFile } from '../files/mailbox-file.ts';
import { canonicalName, checkName, folderOf, parents } from '../files/paths.ts';
import { writeSubscriptionFile } from '../files/subscription-file.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { AccountWriter, Operation } from './account-writer.ts';
import { inheritAcl } from './annotations.ts';
import { move } from './copy.ts';
import { settleAll } from './settle.ts';

/** Seconds since 1970, or one more than any given before. */
export function nextUidValidity(writer: AccountWriter): number {
  const highest = writer.account.get().uidValidity;
  const next = Math.max(Math.floor(Date.now() / 1000), highest + 1);
  writer.account.setUidValidity(next);
  // Whoever makes several at once writes it behind the last.
  const inbox = writer.isFounding ? undefined : writer.mailboxes.findFolder('');
  if (inbox !== undefined) writer.reserve(inbox);
  return next;
}

/** Inside a transaction. Durable when it commits. @throws Fault mailboxExists, badName, tooMany */
export function createMailbox(writer: AccountWriter, wanted: string, specialUse: string | null): MailboxRecord {
  const name = checkName(wanted);
  if (writer.mailboxes.find(name) !== undefined) throw new Fault('mailboxExists', name);
  for (const parent of parents(name)) {
    if (writer.mailboxes.find(canonicalName(parent)) === undefined) make(writer, canonicalName(parent), null);
  }
  return make(writer, name, specialUse);
}

function make(writer: AccountWriter, name: string, specialUse: string | null): MailboxRecord {
  const all = writer.mailboxes.all();
  if (all.length >= writer.settings.mailboxLimit) throw new Fault('tooMany', 'mailboxes');
  if (specialUse !== null && all.some((one) => one.specialUse === specialUse)) throw new Fault('mailboxExists', `${specialUse} is in use`);
  const folder = folderOf(name);
  const path = join(writer.root, folder);
  const before = readMailboxFile(path);
  const isNew = !existsSync(join(path, 'cur'));
  const uidValidity = before?.uidValidity ?? nextUidValidity(writer);
  const objectId = before?.objectId ?? newObjectId();
  writer.touchRoot();
  writer.makeFolder(folder);
  if (isNew && folder !== '') {
    writer.onUndo(() => {
      if (['cur', 'new'].every((part) => readdirSync(join(path, part)).length === 0)) rmSync(path, { recursive: true, force: true });
    });
  }
  if (folder !== '') writeFileSync(join(path, 'maildirfolder'), '', { mode: 0o600 });
  const uidReserved = before?.reserved ?? 0;
  const highest = folder === '' ? writer.account.get().uidValidity : 0;
  writeMailboxFile(path, { uidValidity, reserved: uidReserved, objectId, specialUse, highest, founded: true }, !writer.isFounding);
  if (!writer.isFounding) syncFolder(writer.root);
  const modseq = writer.nextModseq();
  const id = writer.mailboxes.insert({ name, folder, objectId, uidValidity, uidNext: uidReserved + 1, uidReserved, modseq, specialUse });
  const record = writer.mailbox(id);
  inheritAcl(writer, record);
  writer.listChanged();
  return record;
}

/** RFC 8474 4: stable over rename, never given twice. */
export const newObjectId = (): string => `F${randomBytes(12).toString('base64url')}`;

export function create(writer: AccountWriter, name: string, specialUse: string | null): Operation<number> {
  return { durable: true, run: () => createMailbox(writer, name, specialUse).id };
}

export function subscribe(writer: AccountWriter, name: string, subscribed: boolean): Operation<void> {
  return {
    durable: true,
    run() {
      const known = subscribed ? checkName(name) : canonicalName(name);
      if (subscribed && writer.account.subscriptions().length >= writer.settings.mailboxLimit) throw new Fault('tooMany', 'subscriptions');
      if (!writer.account.subscribe(known, subscribed)) return;
      writer.touchRoot();
      writeSubscriptionFile(writer.root, writer.account.subscriptions());
      writer.listChanged();
    },
  };
}

export function setSpecialUse(writer: AccountWriter, name: string, use: string | null): Operation<void> {
  return {
    durable: true,
    run() {
      const mailbox = writer.named(canonicalName(name));
      if (mailbox.specialUse === use) return;
      if (use !== null && writer.mailboxes.all().some((one) => one.specialUse === use))
        throw new Fault('mailboxExists', `${use} is in use`);
      writer.mailboxes.setSpecialUse(mailbox.id, use);
      writer.reserve({ ...mailbox, specialUse: use });
      writer.listChanged();
    },
  };
}

/** Takes a folder away under a name that no program reads; its files go later. */
const graveyard = (mailbox: number): string => `tmp/removed.${mailbox}.${Date.now()}`;

/** DELETE. RFC 9051 6.3.5 */
export function deleteMailbox(writer: AccountWriter, name: string): Operation<void> {
  let grave: { readonly path: string; readonly mailbox: number } | null = null;
  return {
    durable: true,
    prepare() {
      settleAll(writer);
    },
    run() {
      const mailbox = writer.named(canonicalName(name));
      if (mailbox.folder === '') throw new Fault('badName', 'INBOX stays');
      writer.touchRoot();
      const target = graveyard(mailbox.id);
      grave = { path: join(writer.root, target), mailbox: mailbox.id };
      renameSync(writer.path(mailbox), join(writer.root, target));
      writer.onUndo(() => renameSync(join(writer.root, target), writer.path(mailbox)));
      syncFolder(join(writer.root, 'tmp'));
      syncFolder(writer.root);
      writer.forget(mailbox.id);
    },
    dispose() {
      // Off this thread; what is left after a crash goes when the account is opened next.
      if (grave !== null && writer.mailboxes.get(grave.mailbox) === undefined) rm(grave.path, { recursive: true, force: true }, () => {});
    },
  };
}

/** RENAME. RFC 9051 6.3.6 */
export function rename(writer: AccountWriter, from: string, to: string): Operation<void> {
  return {
    durable: true,
    prepare() {
      // Pending moves know folders by name.
      settleAll(writer);
    },
    run() {
      const source = writer.named(canonicalName(from));
      const name = checkName(to);
      if (writer.mailboxes.find(name) !== undefined) throw new Fault('mailboxExists', name);
      if (source.folder === '') return renameInbox(writer, source, name);
      if (name.startsWith(`${source.name}/`)) throw new Fault('badName', 'into itself');
      const moving = writer.mailboxes.all().filter((one) => one.id === source.id || one.name.startsWith(`${source.name}/`));
      const steps = moving.map((one) => ({ one, name: checkName(name + one.name.slice(source.name.length)) }));
      for (const step of steps) if (writer.mailboxes.find(step.name) !== undefined) throw new Fault('mailboxExists', step.name);
      for (const parent of parents(name))
        if (writer.mailboxes.find(canonicalName(parent)) === undefined) createMailbox(writer, parent, null);
      writer.touchRoot();
      for (const { one, name: next } of steps) {
        const folder = folderOf(next);
        if (existsSync(join(writer.root, folder))) throw new Fault('mailboxExists', `folder ${folder}`);
        renameSync(writer.path(one), join(writer.root, folder));
        writer.onUndo(() => renameSync(join(writer.root, folder), writer.path(one)));
        writer.mailboxes.rename(one.id, next, folder);
      }
      syncFolder(writer.root);
      writer.listChanged();
    },
  };
}

/** INBOX stays, its messages go into the new mailbox. RFC 9051 6.3.6 */
function renameInbox(writer: AccountWriter, inbox: MailboxRecord, name: string): void {
  createMailbox(writer, name, null);
  const uids = Uint32Array.from(writer.messages.files(inbox.id), ({ uid }) => uid).sort();
  move(writer, { mailbox: inbox.id, uids, target: name, quota: 0 }).run();
}
