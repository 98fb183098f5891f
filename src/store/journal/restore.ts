import {
  closeSync,
  constants,
  existsSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../../base/durable-file.ts';
import { type Log, silentLog } from '../../base/log.ts';
import { readMailboxFile } from '../files/mailbox-file.ts';
import { parseFileName, splitPath } from '../files/name.ts';
import { storeDefaults } from '../settings.ts';
import type { MailboxRecord } from '../tables/mailbox.ts';
import type { FileRecord } from '../tables/message.ts';
import { AccountWriter, indexName } from '../writer/account-writer.ts';
import type { JournalRecord } from './record.ts';

/** A message's file, by any of its names. */
interface Found {
  /** Below the Maildir; a mailbox on its way out counts as where it was. */
  readonly folder: string;
  /** Absolute. */
  readonly path: string;
  readonly name: string;
}

interface Row {
  readonly mailbox: MailboxRecord;
  readonly row: FileRecord;
}

const uniqueOf = (file: string): string => parseFileName(splitPath(file).name).unique;

/**
 * Puts the messages of one account back that a journal has and the disk has not, or not whole. Synced afterwards by who asks. Nothing
 * of what was expunged, moved or renamed since comes back where it was: the index says so, for what it has committed for good since
 * then it has with all rows before.
 */
export class Restorer {
  readonly #home: string;
  readonly #root: string;
  readonly #always: boolean;
  readonly #log: Log;
  /** By unique part; read when some message is not where it was put. */
  #listing: Map<string, Found[]> | null = null;
  #rows: Map<string, Row[]> | null = null;
  /** undefined: not looked; null: there is none that tells. */
  #index: AccountWriter | null | undefined;
  /** Messages written. */
  written = 0;

  /** @param always writes what is there as well: what is read may be in memory only */
  constructor(home: string, maildir: string, always: boolean, log: Log) {
    this.#home = home;
    this.#root = join(home, maildir);
    this.#always = always;
    this.#log = log;
    if (!existsSync(this.#root)) log.warn({}, `${this.#root} is not there: made for messages of the delivery journal`);
  }

  close(): void {
    this.#index?.close();
  }

  put(record: JournalRecord): void {
    const { place } = record;
    const first = join(this.#root, place.folder, place.file);
    if (!this.#always && this.#isWhole(first, record)) return;
    const unique = uniqueOf(place.file);
    const found = this.#files(unique);
    for (const { path } of found) if (this.#always || !this.#isWhole(path, record)) this.#write(path, record);
    const folder = this.#folderOf(place.folder, place.objectId);
    const { uid } = place;
    if (found.some((one) => one.folder === folder && parseFileName(one.name).uid === uid)) return;
    const rows = this.#rowsOf(unique);
    for (const { mailbox, row } of rows) {
      const isThere = found.some(
        (one) =>
          (one.folder === mailbox.folder && parseFileName(one.name).uid === row.uid) ||
          (row.origin !== null && one.path === join(this.#root, row.origin)),
      );
      if (!isThere) this.#write(join(this.#root, row.origin ?? join(mailbox.folder, row.file)), record);
    }
    if (rows.length > 0 || found.length > 0 || folder === null) return;
    // Expunged, or moved by someone else.
    const index = this.#openIndex();
    const mailbox = index?.mailboxes.findFolder(folder);
    if (mailbox !== undefined && index!.tombstones.has(mailbox.id, uid) !== undefined) return;
    this.#write(join(this.#root, folder, place.file), record);
  }

  #isWhole(path: string, { octets }: JournalRecord): boolean {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size === octets.length && readFileSync(path).equals(octets);
  }

  #write(path: string, { octets, place }: JournalRecord): void {
    const folder = join(path, '../..');
    for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
    const temporary = join(folder, 'tmp', uniqueOf(place.file));
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
    try {
      writeWhole(fd, octets);
      futimesSync(fd, place.internalDate / 1000, place.internalDate / 1000);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    this.written++;
  }

  /** Where the mailbox is now, below the Maildir; null where it was deleted. A folder without its small file is taken for what it was. */
  #folderOf(folder: string, objectId: string): string | null {
    const own = readMailboxFile(join(this.#root, folder));
    if (own === null && (folder === '' || existsSync(join(this.#root, folder)))) return folder;
    if (own?.objectId === objectId) return folder;
    const folders = this.#folders();
    const renamed = folders.find((one) => readMailboxFile(join(this.#root, one))?.objectId === objectId);
    if (renamed !== undefined) return renamed;
    const known = this.#openIndex()
      ?.mailboxes.all()
      .find((mailbox) => mailbox.objectId === objectId);
    return known?.folder ?? (this.#index === null ? folder : null);
  }

  /** Those of mailboxes, and those that a deletion had put into `tmp`, from where one that was not committed comes back. */
  #folders(): string[] {
    const names = (path: string, pattern: RegExp): string[] =>
      existsSync(path)
        ? readdirSync(path, { withFileTypes: true })
            .filter((entry) => entry.isDirectory() && pattern.test(entry.name))
            .map(({ name }) => name)
        : [];
    return ['', ...names(this.#root, /^\.[^.]/), ...names(join(this.#root, 'tmp'), /^removed\./).map((name) => `tmp/${name}`)];
  }

  #files(unique: string): readonly Found[] {
    if (this.#listing === null) {
      this.#listing = new Map();
      for (const folder of this.#folders()) {
        for (const part of ['new', 'cur']) {
          const dir = join(this.#root, folder, part);
          for (const name of existsSync(dir) ? readdirSync(dir) : []) {
            const key = parseFileName(name).unique;
            const list = this.#listing.get(key) ?? [];
            list.push({ folder, path: join(dir, name), name });
            this.#listing.set(key, list);
          }
        }
      }
    }
    return this.#listing.get(unique) ?? [];
  }

  /** Wherever it was copied or moved to, as the index knows. */
  #rowsOf(unique: string): readonly Row[] {
    if (this.#rows === null) {
      this.#rows = new Map();
      const index = this.#openIndex();
      for (const mailbox of index?.mailboxes.all() ?? []) {
        for (const row of index!.messages.files(mailbox.id)) {
          const key = uniqueOf(row.file);
          const list = this.#rows.get(key) ?? [];
          list.push({ mailbox, row });
          this.#rows.set(key, list);
        }
      }
    }
    return this.#rows.get(unique) ?? [];
  }

  /** null where there is none, or one that is damaged or still to be made: then the files alone count. */
  #openIndex(): AccountWriter | null {
    if (this.#index !== undefined) return this.#index;
    this.#index = null;
    if (!existsSync(join(this.#home, indexName))) return null;
    try {
      const settings = { ...storeDefaults, maildir: this.#root.slice(this.#home.length + 1) };
      const index = new AccountWriter({ address: '', home: this.#home }, settings, silentLog);
      if (index.account.get().ready === 1) this.#index = index;
      else index.close();
    } catch (error) {
      this.#log.warn({ err: error }, `${this.#home}: the index cannot be asked where messages were`);
    }
    return this.#index;
  }
}
