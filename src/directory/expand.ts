import { type Address, splitAddress } from '../mail/address.ts';
import type { Account, Domain, Expansion, ExpansionStep } from './directory.ts';
import { splitSubaddress } from './home.ts';
import { foldAddress, foldDomain } from './names.ts';

/** What expansion asks of the tables. Addresses are folded. */
export interface Rows {
  domain(name: string): Domain | null;
  account(address: Address): Account | null;
  /** Destinations of an alias source as stored, `@domain` for the catch-all. */
  destinations(source: string): readonly string[];
  /** Every character is a delimiter; '' = no subaddresses. */
  readonly recipientDelimiter: string;
}

export interface Bounds {
  /** Targets of one address. */
  readonly recipients: number;
  /** Aliases that lead to aliases. */
  readonly depth: number;
  /** Addresses looked at on the way. */
  readonly visits: number;
}

/** As Postfix's virtual_alias_expansion_limit, and a tenth of its virtual_alias_recursion_limit. */
export const defaultBounds: Bounds = { recipients: 1000, depth: 100, visits: 5000 };

const key = (address: Address): string => `${address.localPart}@${address.domain}`;

/**
 * Follows an address to accounts and remote addresses. At each address the first of these that matches decides:
 *
 * 1. alias rows of the whole address; 2. its account; 3. alias rows, then the account, of the address without its `+detail`;
 * 4. the domain's `alias_of`; 5. the catch-all `@domain`.
 *
 * So an alias hides the account of the same name (list the account among the destinations to keep a copy), and a catch-all hides none.
 * An alias that comes back to an address on the way ends there: at its account when there is one, else it is a loop.
 * What leads nowhere is left out; too much of it, and nothing is delivered (`loop`), so that nobody is left out without notice.
 */
export function expand(rows: Rows, from: Address, bounds: Bounds = defaultBounds): Expansion {
  return new Walk(rows, bounds).run(foldAddress(from));
}

class TooMuch extends Error {}

class Walk {
  readonly #rows: Rows;
  readonly #bounds: Bounds;
  readonly #accounts = new Map<number, { account: Account; detail: string | null }>();
  readonly #remote = new Map<string, Address>();
  readonly #steps: ExpansionStep[] = [];
  readonly #seen = new Set<string>();
  #looped = false;
  #disabled = false;

  constructor(rows: Rows, bounds: Bounds) {
    this.#rows = rows;
    this.#bounds = bounds;
  }

  run(from: Address): Expansion {
    if (this.#rows.domain(from.domain) === null) {
      return { accounts: [], remote: [], failure: 'noSuchDomain', steps: [{ from: key(from), rule: 'remote', to: key(from) }] };
    }
    try {
      this.#visit(from, null, []);
    } catch (error) {
      if (!(error instanceof TooMuch)) throw error;
      return { accounts: [], remote: [], failure: 'loop', steps: this.#steps };
    }
    const found = this.#accounts.size + this.#remote.size > 0;
    const failure = found ? null : this.#disabled ? 'accountDisabled' : this.#looped ? 'loop' : 'noSuchUser';
    return { accounts: [...this.#accounts.values()], remote: [...this.#remote.values()], failure, steps: this.#steps };
  }

  /** @param detail cut off on the way here; @param path the addresses that led here, themselves aliases */
  #visit(given: Address, detail: string | null, path: readonly string[]): void {
    const domain = this.#rows.domain(given.domain);
    if (domain === null) {
      this.#goOut(given, detail);
      return;
    }
    const address = foldAddress(given);
    const here = key(address);
    if (path.includes(here)) {
      this.#comeBack(address, detail);
      return;
    }
    if (this.#seen.has(here)) return;
    this.#seen.add(here);
    if (this.#seen.size > this.#bounds.visits || path.length > this.#bounds.depth) {
      this.#step(here, 'loop', '');
      throw new TooMuch();
    }
    if (!domain.enabled) {
      this.#disabled = true;
      this.#step(here, 'disabled', domain.name);
      return;
    }
    if (!this.#lookUp(address, detail, path)) this.#step(here, 'not found', '');
  }

  #lookUp(address: Address, detail: string | null, path: readonly string[]): boolean {
    const here = key(address);
    if (this.#alias(here, address, 'alias', detail, path)) return true;
    if (this.#account(address, detail)) return true;
    const cut = detail === null ? this.#cut(address) : null;
    if (cut !== null) {
      const base = { localPart: cut.base, domain: address.domain };
      if (this.#hasRows(base)) {
        this.#step(here, 'subaddress', key(base));
        this.#visit(base, cut.detail, path);
        return true;
      }
    }
    const aliasOf = this.#rows.domain(address.domain)?.aliasOf ?? null;
    if (aliasOf !== null) {
      const there = { localPart: address.localPart, domain: aliasOf };
      this.#step(here, 'alias domain', key(there));
      this.#visit(there, detail, [...path, here]);
      return true;
    }
    return this.#alias(`@${address.domain}`, address, 'catch-all', detail, path);
  }

  #hasRows(address: Address): boolean {
    return this.#rows.destinations(key(address)).length > 0 || this.#rows.account(address) !== null;
  }

  #alias(source: string, from: Address, rule: 'alias' | 'catch-all', detail: string | null, path: readonly string[]): boolean {
    const rows = this.#rows.destinations(source);
    if (rows.length === 0) return false;
    const here = key(from);
    const deeper = [...path, here];
    for (const destination of rows.flatMap((row) => row.split(',')).map((text) => text.trim())) {
      if (destination === '') continue;
      const to = this.#destination(destination, from);
      this.#step(here, to === null ? 'not found' : rule, to === null ? destination : key(to));
      // A detail that was cut off goes along (Postfix: propagate_unmatched_extensions = virtual), unless there is one already.
      if (to !== null) this.#visit(to, this.#cut(to) === null ? detail : null, deeper);
    }
    return true;
  }

  /** A name without domain is in the same domain; `@domain` is the same local part there. */
  #destination(text: string, from: Address): Address | null {
    if (text.startsWith('@')) return { localPart: from.localPart, domain: foldDomain(text.slice(1)) };
    const to = text.includes('@') ? splitAddress(text) : { localPart: text, domain: from.domain };
    // Commands, files and includes belong to /etc/aliases, not here.
    if (to === null || /^[|/:"]|[\s\x00-\x1f\x7f]/.test(to.localPart)) return null;
    return { localPart: to.localPart, domain: foldDomain(to.domain) };
  }

  #cut(address: Address): { readonly base: string; readonly detail: string } | null {
    return splitSubaddress(address.localPart, this.#rows.recipientDelimiter);
  }

  /** Local parts of other domains keep their case. RFC 5321 2.4 */
  #goOut(address: Address, detail: string | null): void {
    const localPart = detail === null ? address.localPart : `${address.localPart}${this.#rows.recipientDelimiter[0]}${detail}`;
    const to = { localPart, domain: address.domain };
    this.#step(key(address), 'remote', key(to));
    this.#remote.set(key(to), to);
    this.#count();
  }

  #comeBack(address: Address, detail: string | null): void {
    if (this.#account(address, detail)) return;
    this.#looped = true;
    this.#step(key(address), 'loop', key(address));
  }

  #account(address: Address, detail: string | null): boolean {
    const account = this.#rows.account(address);
    if (account === null) return false;
    if (!account.enabled) {
      this.#disabled = true;
      this.#step(key(address), 'disabled', account.address);
      return true;
    }
    this.#step(key(address), 'account', account.home);
    if (!this.#accounts.has(account.id)) this.#accounts.set(account.id, { account, detail });
    this.#count();
    return true;
  }

  #count(): void {
    if (this.#accounts.size + this.#remote.size > this.#bounds.recipients) throw new TooMuch();
  }

  #step(from: string, rule: ExpansionStep['rule'], to: string): void {
    this.#steps.push({ from, rule, to });
  }
}
