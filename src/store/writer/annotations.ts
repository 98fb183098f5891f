import { join } from 'node:path';
import { Fault } from '../../mail/fault.ts';
import { addRights, removeRights } from '../../mail/rights.ts';
import {
  accountMetadataFileName,
  metadataFileName,
  readAclFile,
  readMetadataFile,
  writeAclFile,
  writeMetadataFile,
} from '../files/annotation-files.ts';
import { canonicalName, parents } from '../files/paths.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { AccountWriter, Operation } from './account-writer.ts';

const mostIdentifiers = 500;
/** Of one mailbox, all users' together. */
const mostEntries = 1000;
const mostOctets = 4 << 20;

export interface MetadataChange {
  /** '' = shared. */
  readonly user: string;
  readonly entry: string;
  readonly value: Uint8Array | null;
}

export interface SetMetadataRequest {
  /** null: the account. */
  readonly mailbox: number | null;
  readonly changes: readonly MetadataChange[];
}

export interface SetAclRequest {
  readonly mailbox: number;
  readonly identifier: string;
  readonly op: 'add' | 'remove' | 'replace' | 'forget';
  readonly rights: string;
}

/** All changes or none. RFC 5464 4.3 @throws Fault noSuchMailbox, tooMany, tooBig */
export function setMetadata(writer: AccountWriter, { mailbox, changes }: SetMetadataRequest): Operation<void> {
  return {
    durable: true,
    run() {
      const record = mailbox === null ? null : writer.mailbox(mailbox);
      const id = record?.id ?? 0;
      for (const { user, entry, value } of changes) {
        if (value === null) writer.metadata.remove(id, user, entry);
        else writer.metadata.set(id, { user, entry, value });
      }
      const rows = writer.metadata.of(id);
      if (rows.length > mostEntries) throw new Fault('tooMany', 'metadata entries');
      if (rows.reduce((sum, { value }) => sum + value.length, 0) > mostOctets) throw new Fault('tooMany', 'metadata octets');
      saveMetadata(writer, record);
      writer.listChanged();
    },
  };
}

function saveMetadata(writer: AccountWriter, record: MailboxRecord | null): void {
  const folder = record === null ? writer.root : writer.path(record);
  if (record === null || record.folder === '') writer.touchRoot();
  const name = record === null ? accountMetadataFileName : metadataFileName;
  const save = (): void => writeMetadataFile(folder, name, writer.metadata.of(record?.id ?? 0));
  // Runs when the rows are as they were.
  writer.onUndo(save);
  save();
}

/** RFC 4314 3.1, 3.2 @throws Fault noSuchMailbox, tooMany */
export function setAcl(writer: AccountWriter, { mailbox, identifier, op, rights }: SetAclRequest): Operation<void> {
  return {
    durable: true,
    run() {
      const record = writer.mailbox(mailbox);
      const acl = writer.acls.of(record.id);
      const before = acl.get(identifier) ?? '';
      const now = op === 'add' ? addRights(before, rights) : op === 'remove' ? removeRights(before, rights) : rights;
      if (op === 'forget' || (now === '' && op === 'remove')) writer.acls.remove(record.id, identifier);
      else writer.acls.set(record.id, identifier, now);
      if (!acl.has(identifier) && acl.size >= mostIdentifiers) throw new Fault('tooMany', 'identifiers');
      saveAcl(writer, record);
      writer.listChanged();
    },
  };
}

function saveAcl(writer: AccountWriter, record: MailboxRecord): void {
  const folder = writer.path(record);
  if (record.folder === '') writer.touchRoot();
  const save = (): void => writeAclFile(folder, writer.acls.of(record.id));
  writer.onUndo(save);
  save();
}

/** A new mailbox is open to those its parent is open to. RFC 4314 leaves this to servers */
export function inheritAcl(writer: AccountWriter, record: MailboxRecord): void {
  const parent = parents(record.name).at(-1);
  const above = parent === undefined ? undefined : writer.mailboxes.find(canonicalName(parent));
  if (above === undefined) return;
  const acl = writer.acls.of(above.id);
  if (acl.size === 0) return;
  for (const [identifier, rights] of acl) writer.acls.set(record.id, identifier, rights);
  writeAclFile(writer.path(record), acl);
}

/** What a folder's files say of a mailbox that the index did not know. Inside a transaction. */
export function readAnnotations(writer: AccountWriter, record: Pick<MailboxRecord, 'id' | 'folder'>): void {
  const path = join(writer.root, record.folder);
  for (const [identifier, rights] of readAclFile(path)) writer.acls.set(record.id, identifier, rights);
  for (const row of readMetadataFile(path, metadataFileName)) writer.metadata.set(record.id, row);
  if (record.folder !== '') return;
  for (const row of readMetadataFile(path, accountMetadataFileName)) writer.metadata.set(0, row);
}
