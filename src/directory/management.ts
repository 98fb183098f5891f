import type { Database } from '../db/open.ts';
import { transaction } from '../db/transaction.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import type { Domain } from './directory.ts';
import { parseAddress, parseDomain } from './names.ts';
import type { AliasRow, aliasTable } from './tables/alias.ts';
import type { domainTable } from './tables/domain.ts';
import type { shareTable } from './tables/share.ts';
import type { UserRow, userTable } from './tables/user.ts';

interface Tables {
  readonly domains: ReturnType<typeof domainTable>;
  readonly users: ReturnType<typeof userTable>;
  readonly aliases: ReturnType<typeof aliasTable>;
  readonly shares: ReturnType<typeof shareTable>;
}

export interface DomainSummary extends Domain {
  readonly accounts: number;
  readonly aliases: number;
}

export type UserSummary = Omit<UserRow, 'password' | 'id'>;

/** Changes by an administrator; each is one transaction, in force when it returns. Names come as typed. */
export interface Management {
  /** @throws Fault syntax, mailboxExists, noSuchDomain (target of an alias domain) */
  addDomain(name: string, aliasOf?: string): string;
  /** @param force takes accounts and aliases with it; mail stays on disk. @throws Fault noSuchDomain, inUse */
  removeDomain(name: string, force?: boolean): string;
  setDomainEnabled(name: string, enabled: boolean): string;
  domains(): DomainSummary[];
  /** @param password as it is stored. @param quota octets, null = the default. @throws Fault syntax, badName, noSuchDomain, mailboxExists */
  addUser(address: string, password: string, quota?: number | null): string;
  /** Mail stays on disk. @throws Fault noSuchUser */
  removeUser(address: string): string;
  setUserEnabled(address: string, enabled: boolean): string;
  setPassword(address: string, password: string): string;
  setQuota(address: string, quota: number | null): string;
  users(domain?: string): UserSummary[];
  /** @throws Fault syntax, noSuchDomain, mailboxExists (the alias is there already) */
  addAlias(source: string, destinations: readonly string[]): string;
  /** @param destinations none = all. @throws Fault noSuchUser */
  removeAlias(source: string, destinations?: readonly string[]): string;
  aliases(domain?: string): AliasRow[];
}

export function management(
  db: Database,
  { domains, users, aliases, shares }: Tables,
  homeOf: (address: Address) => string | null,
  announce: (address: string | null) => void,
): Management {
  const whole = (address: Address): string => `${address.localPart}@${address.domain}`;
  const change = (address: string | null, work: () => void): void => {
    transaction(db, work);
    announce(address);
  };
  const domainId = (name: string): number => {
    const id = domains.id(name);
    if (id === undefined) throw new Fault('noSuchDomain', `${name} is not a domain here: add it first (postcote domain add ${name})`);
    return id;
  };
  const onDomain = (text: string, work: (name: string) => void): string => {
    const name = parseDomain(text);
    change(null, () => {
      domainId(name);
      work(name);
    });
    return name;
  };
  /** By hand rows may hold what `parseAddress` refuses; what is there can always be named. */
  const onUser = (text: string, work: (address: string) => boolean): string => {
    const address = users.find(text)?.email ?? whole(parseAddress(text));
    change(address, () => {
      if (!work(address)) throw new Fault('noSuchUser', `${address} is not an account here`);
    });
    return address;
  };
  const source = (text: string): { readonly key: string; readonly domain: string } => {
    if (text.startsWith('@')) {
      const domain = parseDomain(text.slice(1));
      return { key: `@${domain}`, domain };
    }
    const address = parseAddress(text);
    return { key: whole(address), domain: address.domain };
  };
  const destination = (text: string): string => {
    if (text.startsWith('@')) return `@${parseDomain(text.slice(1))}`;
    const { domain } = parseAddress(text);
    // The case of a local part elsewhere is theirs to judge.
    return formatAddress({ localPart: text.trim().slice(0, text.trim().lastIndexOf('@')), domain });
  };
  const inDomain = (address: string, domain: string | undefined): boolean =>
    domain === undefined || address.toLowerCase().endsWith(`@${parseDomain(domain)}`);

  return {
    addDomain(text, aliasOf) {
      const name = parseDomain(text);
      const target = aliasOf === undefined ? null : parseDomain(aliasOf);
      if (target === name) throw new Fault('syntax', `${name} cannot stand for itself`);
      change(null, () => {
        if (target !== null) domainId(target);
        if (!domains.insert(name, target)) throw new Fault('mailboxExists', `${name} is a domain here already`);
      });
      return name;
    },

    removeDomain: (text, force = false) =>
      onDomain(text, (name) => {
        const [accounts, sources] = [users.countIn(name), aliases.countIn(name)];
        if (!force && accounts + sources > 0) {
          throw new Fault('inUse', `${name} still has ${accounts} accounts and ${sources} aliases: remove them, or use --force`);
        }
        users.removeIn(name);
        aliases.removeIn(name);
        domains.remove(name);
      }),

    setDomainEnabled: (text, enabled) => onDomain(text, (name) => void domains.setEnabled(name, enabled)),

    domains: () => domains.list().map((row) => ({ ...row, accounts: users.countIn(row.name), aliases: aliases.countIn(row.name) })),

    addUser(text, password, quota = null) {
      const address = parseAddress(text);
      if (homeOf(address) === null) {
        throw new Fault('badName', `${JSON.stringify(whole(address))}: no home folder can have this name`);
      }
      change(whole(address), () => {
        const id = domainId(address.domain);
        if (!users.insert(id, whole(address), password, quota)) {
          throw new Fault('mailboxExists', `${whole(address)} is an account here already`);
        }
      });
      return whole(address);
    },

    removeUser: (text) =>
      onUser(text, (address) => {
        // Who gets the address later starts with nothing shared.
        shares.removeAddress(address);
        return users.remove(address);
      }),
    setUserEnabled: (text, enabled) => onUser(text, (address) => users.setEnabled(address, enabled)),
    setPassword: (text, password) => onUser(text, (address) => users.setPassword(address, password)),
    setQuota: (text, quota) => onUser(text, (address) => users.setQuota(address, quota)),

    users: (domain) =>
      users
        .list()
        .filter((row) => inDomain(row.email, domain))
        .map(({ email, enabled, quota, home }) => ({ email, enabled, quota, home })),

    addAlias(text, destinations) {
      const { key, domain } = source(text);
      const targets = destinations.flatMap((given) => given.split(',')).map(destination);
      if (targets.length === 0) throw new Fault('syntax', `${key}: no destination given`);
      change(key, () => {
        const id = domainId(domain);
        for (const target of targets) {
          if (aliases.has(key, target)) throw new Fault('mailboxExists', `${key} leads to ${target} already`);
          aliases.insert(id, key, target);
        }
      });
      return key;
    },

    removeAlias(text, destinations = []) {
      const { key } = source(text);
      const targets = destinations.flatMap((given) => given.split(',')).map((given) => given.trim());
      change(key, () => {
        if (targets.length === 0 && aliases.removeAll(key) === 0) throw new Fault('noSuchUser', `${key} is no alias here`);
        for (const target of targets) {
          if (aliases.remove(key, target) === 0) throw new Fault('noSuchUser', `${key} does not lead to ${target}`);
        }
      });
      return key;
    },

    aliases: (domain) => aliases.list().filter((row) => inDomain(row.source, domain)),
  };
}
