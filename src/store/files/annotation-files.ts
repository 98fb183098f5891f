import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile, syncFolder } from '../../base/durable-file.ts';
import { readPlainFile } from '../../base/plain-file.ts';
import { type Acl, allRights, anyone } from '../../mail/rights.ts';
import type { MetadataRow } from '../tables/metadata.ts';

/** Of a mailbox's folder; the name and the form are Dovecot's. */
export const aclFileName = 'dovecot-acl';
export const metadataFileName = 'postcote-metadata';
/** Of the Maildir: entries about the account as a whole. */
export const accountMetadataFileName = 'postcote-account-metadata';

const readText = (path: string): string => {
  try {
    return readPlainFile(path);
  } catch {
    return '';
  }
};

/** `user=bob@example.com lrs`, `anyone lr`, `-user=bob@example.com w`. Groups and what is not understood give nobody anything. */
export function readAclFile(folder: string): Acl {
  const acl = new Map<string, string>();
  for (const line of readText(join(folder, aclFileName)).split('\n')) {
    const [, minus, name, rights] = /^(-?)(?:user=(?=\S*@)|(?=anyone ))(\S+) ([a-z]*)(?: :.*)?$/i.exec(line.trim()) ?? [];
    if (name === undefined || rights === undefined) continue;
    const known = Array.from(allRights)
      .filter((right) => rights.includes(right))
      .join('');
    acl.set(`${minus}${name.toLowerCase()}`, known);
  }
  return acl;
}

/** Durable on return. */
export function writeAclFile(folder: string, acl: Acl): void {
  const lines = [...acl].map(([identifier, rights]) => {
    const minus = identifier.startsWith('-') ? '-' : '';
    const name = identifier.slice(minus.length);
    return `${minus}${name === anyone ? anyone : `user=${name}`} ${rights}\n`;
  });
  replace(folder, aclFileName, lines);
}

/** A line for each entry: user, entry and value (base64), as JSON. */
export function readMetadataFile(folder: string, name: string): MetadataRow[] {
  const rows: MetadataRow[] = [];
  for (const line of readText(join(folder, name)).split('\n')) {
    if (line === '') continue;
    try {
      const [user, entry, value] = JSON.parse(line) as unknown[];
      if (typeof user === 'string' && typeof entry === 'string' && typeof value === 'string')
        rows.push({ user, entry, value: Buffer.from(value, 'base64') });
    } catch {
      // A line that somebody spoiled costs that entry.
    }
  }
  return rows;
}

/** Durable on return. */
export function writeMetadataFile(folder: string, name: string, rows: readonly MetadataRow[]): void {
  const lines = rows.map(({ user, entry, value }) => `${JSON.stringify([user, entry, Buffer.from(value).toString('base64')])}\n`);
  replace(folder, name, lines);
}

function replace(folder: string, name: string, lines: readonly string[]): void {
  if (lines.length > 0) replaceFile(join(folder, name), lines.join(''), join(folder, 'tmp', `${name}.${process.pid}`));
  else {
    rmSync(join(folder, name), { force: true });
    syncFolder(folder);
  }
}
