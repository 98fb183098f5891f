import type { Address } from '../mail/address.ts';
import type { AccountId } from '../mail/numbers.ts';

export interface Domain {
  readonly name: string;
  readonly enabled: boolean;
  /** An alias domain: every address stands for the same local part there. */
  readonly aliasOf: string | null;
}

export interface Account {
  readonly id: AccountId;
  /** `user@domain`, lower case. */
  readonly address: string;
  /** As stored, with or without `{SCHEME}`. */
  readonly password: string;
  readonly enabled: boolean;
  /** Absolute. */
  readonly home: string;
  /** Octets, 0 = none. */
  readonly quota: number;
}

/** One step on the way from an address to where its mail goes; `postcote lookup` prints them. */
export interface ExpansionStep {
  readonly from: string;
  readonly rule: 'account' | 'alias' | 'catch-all' | 'alias domain' | 'subaddress' | 'remote' | 'not found' | 'loop' | 'disabled';
  readonly to: string;
}

export interface Expansion {
  readonly accounts: readonly { readonly account: Account /** after the delimiter, null without */; readonly detail: string | null }[];
  readonly remote: readonly Address[];
  /** Why nobody was found; null when there is at least one target. */
  readonly failure: 'noSuchDomain' | 'noSuchUser' | 'accountDisabled' | 'loop' | null;
  readonly steps: readonly ExpansionStep[];
}

/** Who has mail here. */
export interface DirectorySource {
  /** null where the domain is not ours. */
  domain(name: string): Promise<Domain | null>;
  /** By login name `user@domain`, case folded; no aliases. */
  account(address: string): Promise<Account | null>;
  /** Aliases, catch-all, alias domains and subaddresses followed to the end. */
  expand(address: Address): Promise<Expansion>;
  /** Own address, an alias that leads to the account, or a subaddress of either. */
  maySendAs(account: Account, reversePath: Address): Promise<boolean>;
  /** Called with the address (null: anything) when rows changed, by whomever. @returns stop */
  watch(listener: (address: string | null) => void): () => void;
  close(): void;
}
