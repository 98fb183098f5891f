import { join } from 'node:path';
import { replaceFile, replaceFileLoosely } from '../../base/durable-file.ts';
import { readPlainFile } from '../../base/plain-file.ts';

/** What a folder keeps about itself, so that a lost index costs no UID: one small synced file. */
export interface MailboxFile {
  readonly uidValidity: number;
  /** No UID up to this one is drawn again after a crash. */
  readonly reserved: number;
  /** RFC 8474 */
  readonly objectId: string;
  readonly specialUse: string | null;
  /** INBOX only: highest UIDVALIDITY ever given in the account. */
  readonly highest: number;
  /** INBOX only: the mailboxes that every account has were made. */
  readonly founded: boolean;
}

export const mailboxFileName = 'postcote-mailbox';

export function readMailboxFile(folder: string): MailboxFile | null {
  let text: string;
  try {
    text = readPlainFile(join(folder, mailboxFileName));
  } catch {
    return null;
  }
  const fields = new Map(text.split('\n').map((line) => [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)] as const));
  const number = (name: string): number => (/^\d{1,10}$/.test(fields.get(name) ?? '') ? Number(fields.get(name)) : 0);
  const objectId = fields.get('mailboxid') ?? '';
  const uidValidity = number('uidvalidity');
  if (uidValidity === 0 || uidValidity > 0xffff_ffff || !/^[A-Za-z0-9_-]{1,255}$/.test(objectId)) return null;
  const use = fields.get('specialuse') ?? '';
  return {
    uidValidity,
    reserved: number('reserved'),
    objectId,
    specialUse: /^\\\w+$/.test(use) ? use : null,
    highest: number('highest'),
    founded: !fields.has('unfounded'),
  };
}

/** @param durable whether it must be on disk on return */
export function writeMailboxFile(folder: string, file: MailboxFile, durable: boolean): void {
  const lines = [`uidvalidity ${file.uidValidity}`, `reserved ${file.reserved}`, `mailboxid ${file.objectId}`];
  if (file.specialUse !== null) lines.push(`specialuse ${file.specialUse}`);
  if (file.highest > 0) lines.push(`highest ${file.highest}`);
  if (!file.founded) lines.push('unfounded');
  const replace = durable ? replaceFile : replaceFileLoosely;
  replace(join(folder, mailboxFileName), `${lines.join('\n')}\n`, join(folder, 'tmp', `${mailboxFileName}.${process.pid}`));
}
