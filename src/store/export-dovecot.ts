import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { writeDovecotUids } from './files/dovecot.ts';
import { parseFileName, splitPath } from './files/name.ts';
import type { StoreSettings } from './settings.ts';
import type { AccountNames } from './writer/account-writer.ts';
import { openWriter } from './writer/open.ts';
import { settleAll } from './writer/settle.ts';

export interface ExportedMessage {
  readonly uid: number;
  readonly uidValidity: number;
  /** Base name without `N=`. */
  readonly fileName: string;
}

/**
 * Writes `dovecot-uidlist` into each folder, so that Dovecot gives the same UIDs under the same UIDVALIDITY. Flags, keywords and
 * subscriptions lie in Dovecot's form anyway. Blocks. Nobody else should change the Maildir from here on until Dovecot serves it.
 *
 * @param uidls what POP3 clients know the INBOX's messages by, in their order; null where Dovecot will find the same by itself
 * @returns messages
 */
export function exportDovecot(
  names: AccountNames,
  settings: StoreSettings,
  log: Log,
  uidls: ((messages: readonly ExportedMessage[]) => string[]) | null,
): number {
  const { writer } = openWriter(names, settings, log);
  try {
    settleAll(writer);
    return writer.transaction(() => {
      let count = 0;
      for (const { id, folder, uidValidity, uidNext } of writer.mailboxes.all()) {
        const files = writer.messages.range(id, 1, 0xffff_ffff).map(({ uid, file }) => ({ uid, name: splitPath(file).name }));
        const known =
          folder === '' && uidls !== null
            ? uidls(
                files.map(({ uid, name }) => {
                  const { unique, fields } = parseFileName(name);
                  return { uid, uidValidity, fileName: unique + fields };
                }),
              )
            : [];
        const entries = files.map(({ uid, name }, n) => ({ uid, base: name.split(':', 1)[0]!, uidl: known[n] ?? null }));
        writeDovecotUids(join(writer.root, folder), uidValidity, uidNext, entries);
        count += entries.length;
      }
      return count;
    });
  } finally {
    writer.close();
  }
}
