import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AuthContext, Authenticator, SaslExchange } from '../../src/auth/authenticator.ts';
import type { Staged } from '../../src/base/staging.ts';
import type { Account, DirectorySource, Domain, Expansion } from '../../src/directory/directory.ts';
import { formatAddress, splitAddress } from '../../src/mail/address.ts';
import { Fault, type FaultKind } from '../../src/mail/fault.ts';
import type { AccountId } from '../../src/mail/numbers.ts';
import type { NewQueued, Queue, QueueId } from '../../src/queue/queue.ts';
import type { MailStore } from '../../src/store/store.ts';

/** Whole text of a staged message, latin1. */
export function textOf(message: Staged): string {
  return message.file === null ? Buffer.concat(message.chunks).toString('latin1') : readFileSync(message.file, 'latin1');
}

export interface FakeDirectory extends DirectorySource {
  readonly domains: Set<string>;
  /** Address → password. */
  readonly users: Map<string, string>;
  /** Address or `@domain` → destinations. */
  readonly aliases: Map<string, readonly string[]>;
}

/** Domains, users and aliases in memory. */
export function fakeDirectory(): FakeDirectory {
  const domains = new Set(['example.com']);
  const users = new Map([
    ['user1@example.com', 'secret1'],
    ['user2@example.com', 'secret2'],
  ]);
  const aliases = new Map<string, readonly string[]>();
  const account = (address: string): Account | null => {
    const key = address.toLowerCase();
    const password = users.get(key);
    if (password === undefined) return null;
    const id = createHash('sha1').update(key).digest().readUInt32BE() as AccountId;
    return { id, address: key, password, enabled: true, home: `/nowhere/${key}`, quota: 0 };
  };
  const expand = (start: string): Expansion => {
    const accounts = new Map<string, Account>();
    const remote = new Map<string, string>();
    const walk = (text: string, depth: number): void => {
      const address = splitAddress(text.toLowerCase());
      if (address === null || depth > 10) return;
      if (!domains.has(address.domain)) {
        remote.set(text, text);
        return;
      }
      const found = account(text) ?? account(`${address.localPart.split('+')[0]}@${address.domain}`);
      const targets = aliases.get(text.toLowerCase()) ?? (found === null ? aliases.get(`@${address.domain}`) : undefined);
      if (targets !== undefined) for (const target of targets) walk(target, depth + 1);
      else if (found !== null) accounts.set(found.address, found);
    };
    walk(start, 0);
    const at = splitAddress(start)!;
    const ours = domains.has(at.domain);
    const empty = accounts.size + remote.size === 0;
    return {
      accounts: ours ? [...accounts.values()].map((a) => ({ account: a, detail: null })) : [],
      remote: ours ? [...remote.values()].map((text) => splitAddress(text)!) : [],
      failure: ours ? (empty ? 'noSuchUser' : null) : 'noSuchDomain',
      steps: [],
    };
  };
  return {
    domains,
    users,
    aliases,
    domain: async (name): Promise<Domain | null> => (domains.has(name) ? { name, enabled: true, aliasOf: null } : null),
    account: async (address) => account(address),
    expand: async (address) => expand(`${address.localPart}@${address.domain}`),
    maySendAs: async (owner, path) => expand(formatAddress(path)).accounts.some((target) => target.account.id === owner.id),
    watch: () => () => {},
    close() {},
  };
}

export interface StoredMessage {
  readonly address: string;
  readonly text: string;
  readonly deliveryKey: string | undefined;
}

export interface FakeStore extends MailStore {
  readonly messages: StoredMessage[];
  /** Address → what append throws. */
  readonly faults: Map<string, FaultKind>;
}

/** Mailboxes in memory that only take mail. */
export function fakeStore(): FakeStore {
  const messages: StoredMessage[] = [];
  const faults = new Map<string, FaultKind>();
  return {
    messages,
    faults,
    async open() {
      throw new Error('only takes mail');
    },
    async deliver({ address }, _mailbox, items) {
      const fault = faults.get(address);
      if (fault !== undefined) throw new Fault(fault, 'as told');
      for (const { message, prefix, deliveryKey } of items) {
        const known = deliveryKey !== undefined && messages.some((m) => m.address === address && m.deliveryKey === deliveryKey);
        if (!known) messages.push({ address, text: Buffer.from(prefix ?? []).toString('latin1') + textOf(message), deliveryKey });
      }
    },
    async close() {},
  };
}

export interface QueuedText extends Omit<NewQueued, 'message' | 'prefix'> {
  readonly text: string;
}

export interface FakeQueue extends Queue {
  /** Domains that ETRN named. */
  readonly flushed: string[];
  readonly mail: QueuedText[];
  fault: FaultKind | null;
}

export function fakeQueue(): FakeQueue {
  const mail: QueuedText[] = [];
  let count = 0;
  const flushed: string[] = [];
  return {
    mail,
    flushed,
    fault: null,
    nextId: () => `Q${++count}` as QueueId,
    async enqueue({ message, prefix, ...rest }) {
      if (this.fault !== null) throw new Fault(this.fault, 'as told');
      mail.push({ ...rest, text: Buffer.from(prefix ?? []).toString('latin1') + textOf(message) });
    },
    flush: async () => 0,
    flushDomain: async (domain) => flushed.push(domain),
    stats: async () => ({ messages: mail.length, octets: 0, jobs: {}, destinations: [], blocked: [] }),
    async close() {},
  };
}

/** PLAIN and LOGIN against the fake directory, where TLS is on or the client is on loopback (or not, with `strict`). */
export function fakeAuthenticator(directory: FakeDirectory, strict = false): Authenticator {
  const allows = ({ secure, remoteAddress }: AuthContext): boolean => secure || (!strict && remoteAddress.startsWith('127.'));
  const login = async (name: string, password: string): Promise<Account> => {
    const account = await directory.account(name);
    if (account === null || account.password !== password) throw new Fault('badCredentials', name);
    return account;
  };
  const plain = (): SaslExchange => ({
    async step(response) {
      if (response === null) return { challenge: Buffer.alloc(0) };
      const [, name = '', password = ''] = response.toString().split('\0');
      return { account: await login(name, password) };
    },
  });
  const loginMechanism = (): SaslExchange => {
    let name: string | null = null;
    return {
      async step(response) {
        if (response === null) return { challenge: Buffer.from('Username:') };
        if (name !== null) return { account: await login(name, response.toString()) };
        name = response.toString();
        return { challenge: Buffer.from('Password:') };
      },
    };
  };
  return {
    mechanisms: (context) => (allows(context) ? ['PLAIN', 'LOGIN'] : []),
    allowsPlaintext: allows,
    start: (mechanism) => (mechanism === 'PLAIN' ? plain() : loginMechanism()),
    login,
  };
}
