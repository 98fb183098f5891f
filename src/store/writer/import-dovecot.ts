import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { readDovecotUids } from '../files/dovecot.ts';
import { baseName, parseFileName } from '../files/name.ts';

/** UIDVALIDITY and UIDNEXT of a folder that Dovecot served; its files have their UIDs in their names afterwards. null where it did not. */
export function importDovecot(folder: string): { readonly uidValidity: number; readonly uidNext: number } | null {
  const known = readDovecotUids(folder);
  if (known === null) return null;
  for (const part of ['new', 'cur']) {
    for (const entry of readdirSync(join(folder, part), { withFileTypes: true })) {
      const { name } = entry;
      const colon = name.indexOf(':');
      const uid = entry.isFile() ? known.uids.get(colon === -1 ? name : name.slice(0, colon)) : undefined;
      if (uid === undefined) continue;
      const next = baseName(parseFileName(name), known.uidValidity, uid) + (colon === -1 ? '' : name.slice(colon));
      renameSync(join(folder, part, name), join(folder, part, next));
    }
  }
  return known;
}
