import { randomBytes } from 'node:crypto';
import { domainToUnicode } from 'node:url';
import { type Log, silentLog } from '../base/log.ts';
import { migrate } from '../db/migrate.ts';
import { type Database, openDatabase, sqliteFault } from '../db/open.ts';
import { type Address, splitAddress } from '../mail/address.ts';
import type { AccountId } from '../mail/numbers.ts';
import type { Account, DirectorySource, Domain, Expansion } from './directory.ts';
import { expand, type Rows } from './expand.ts';
import { explicitHome, homeTemplate, splitSubaddress } from './home.ts';
import { type Management, management } from './management.ts';
import { foldAddress, foldDomain, parseQuota } from './names.ts';
import { Remembered } from './remembered.ts';
import { type Sharing, sharing } from './sharing.ts';
import { aliasTable } from './tables/alias.ts';
import { domainTable } from './tables/domain.ts';
import { secretTable } from './tables/secret.ts';
import { shareTable } from './tables/share.ts';
import { type UserRow, userTable } from './tables/user.ts';
import { watcher } from './watcher.ts';

export interface DirectorySettings {
  /** `directory.sqlite`; made when there is none. */
  readonly file: string;
  /** Template of an account's home: `%u` address, `%d` domain, `%n` local part. Absolute. */
  readonly home: string;
  /** Octets for accounts that name none themselves, 0 = no limit. */
  readonly quota: number;
  /** Characters that start the detail of `user+detail`; '' = none. */
  readonly recipientDelimiter: string;
  /** How often `watch` looks for rows that others changed. Milliseconds, default 200. */
  readonly watchInterval?: number;
}

/** The tables of domains, users and aliases. A row counts from its commit on, in every process. */
export interface Directory extends DirectorySource {
  readonly manage: Management;
  readonly sharing: Sharing;
  /** 32 random octets under a name, the same for all processes and after restarts. */
  secret(name: string): Uint8Array;
}

/** @throws Fault unavailable (schema newer than this version, not permitted), syntax (home template) */
export function openDirectory(settings: DirectorySettings, log: Log = silentLog): Directory {
  const homeOf = homeTemplate(settings.home);
  const db = openDatabase(settings.file, { synchronous: 'FULL', cacheSize: 8 << 20, mmapSize: 64 << 20 });
  try {
    migrate(db, 'directory');
    return directory(db, settings, homeOf, log);
  } catch (error) {
    db.close();
    throw error;
  }
}

function directory(db: Database, settings: DirectorySettings, homeOf: (address: Address) => string | null, log: Log): Directory {
  const tables = { domains: domainTable(db), users: userTable(db), aliases: aliasTable(db), shares: shareTable(db) };
  const remembered = new Remembered(db);
  const changes = watcher(db, settings.watchInterval ?? 200, log);
  const secrets = secretTable(db);
  const complained = new Set<string>();

  const complain = (address: string, reason: string): void => {
    if (complained.has(address) || complained.size > 1000) return;
    complained.add(address);
    log.warn({ address, reason }, 'directory row not usable');
  };

  const domain = remembered.keep((name): Domain | null => {
    const folded = foldDomain(name);
    return tables.domains.find(folded) ?? (folded.includes('xn--') ? tables.domains.find(domainToUnicode(folded)) : null);
  });

  const userRow = ({ localPart, domain }: Address): UserRow | undefined =>
    tables.users.find(`${localPart}@${domain}`) ??
    (domain.includes('xn--') ? tables.users.find(`${localPart}@${domainToUnicode(domain)}`) : undefined);

  const quota = (row: UserRow, address: string): number => {
    if (row.quota === null || row.quota === '') return settings.quota;
    if (typeof row.quota === 'number') return Math.max(0, row.quota);
    try {
      return parseQuota(typeof row.quota === 'string' ? row.quota : Buffer.from(row.quota).toString());
    } catch {
      complain(address, 'quota is no size: the default counts');
      return settings.quota;
    }
  };

  const accountOf = remembered.keep((key): Account | null => {
    const folded = splitAddress(key);
    if (folded === null) return null;
    const row = userRow(folded);
    if (row === undefined) return null;
    const address = `${folded.localPart}@${folded.domain}`;
    const home = row.home === null || row.home === '' ? homeOf(folded) : explicitHome(row.home);
    if (home === null) {
      complain(address, 'no home can be made of it');
      return null;
    }
    const enabled = row.enabled !== 0 && domain(folded.domain)?.enabled !== false;
    return { id: row.id as AccountId, address, password: row.password, enabled, home, quota: quota(row, address) };
  });
  const account = (given: Address): Account | null => {
    const { localPart, domain } = foldAddress(given);
    return accountOf(`${localPart}@${domain}`);
  };

  const destinations = remembered.keep((source): string[] => {
    const found = tables.aliases.destinations(source);
    const at = source.lastIndexOf('@');
    if (found.length > 0 || !source.includes('xn--', at)) return found;
    return tables.aliases.destinations(source.slice(0, at + 1) + domainToUnicode(source.slice(at + 1)));
  });

  const rows: Rows = { domain, account, destinations, recipientDelimiter: settings.recipientDelimiter };
  const expansions = remembered.keep((key) => expand(rows, JSON.parse(key) as Address));
  // Two parts that keep their case: the local part of a remote address is not ours to fold.
  const expansion = ({ localPart, domain }: Address): Expansion => expansions(JSON.stringify({ localPart, domain }));

  const maySendAs = (sender: Account, reversePath: Address): boolean => {
    const { localPart, domain } = foldAddress(reversePath);
    if (`${localPart}@${domain}` === sender.address) return true;
    const cut = splitSubaddress(localPart, settings.recipientDelimiter);
    if (cut !== null && `${cut.base}@${domain}` === sender.address) return true;
    return expansion(reversePath).accounts.some((target) => target.account.id === sender.id);
  };

  /** What a table says wrong becomes a Fault. */
  const ask = async <T>(question: () => T): Promise<T> => {
    try {
      remembered.check();
      return question();
    } catch (error) {
      throw sqliteFault(error, settings.file);
    }
  };

  return {
    domain: (name) => ask(() => domain(name)),
    account: (address) =>
      ask(() => {
        const parts = splitAddress(address);
        return parts === null ? null : account(parts);
      }),
    expand: (address) => ask(() => expansion(address)),
    maySendAs: (sender, reversePath) => ask(() => maySendAs(sender, reversePath)),
    watch: changes.watch,
    sharing: sharing(db, tables.shares, remembered),
    manage: management(db, tables, homeOf, (address) => {
      remembered.clear();
      changes.announce(address);
    }),
    secret(name) {
      const found = secrets.find(name);
      if (found !== undefined) return found;
      secrets.insert(name, randomBytes(32));
      return secrets.find(name)!;
    },
    close() {
      changes.stop();
      db.close();
    },
  };
}
