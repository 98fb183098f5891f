import type { Clock } from '../base/clock.ts';
import type { DirectorySource } from '../directory/directory.ts';
import type { Reply } from '../mail/reply.ts';
import type { Dns } from '../net/dns.ts';
import type { Stage, Subject } from './subject.ts';
import type { Table } from './table.ts';

export interface PolicyDeps {
  readonly directory: DirectorySource;
  /** null: restrictions that need it are unknown. */
  readonly dns: Dns | null;
  readonly clock: Clock;
}

/** First match wins: `permit` ends this list, a reply ends the question, null goes on to the next restriction. */
export type Verdict = 'permit' | Reply | { readonly deferIfPermit: Reply } | null;

/** One token of a restriction list. */
export interface Restriction {
  /** As Postfix spells it. */
  readonly name: string;
  /** Older spellings. */
  readonly formerly?: readonly string[];
  /** What the word after it is. */
  readonly argument?: 'table' | 'domain' | 'server';
  readonly needsDns?: boolean;
  /** @throws Fault syntax where the word after it cannot be one */
  readonly checkArgument?: (argument: string) => void;
  check(subject: Subject, at: Where, deps: PolicyDeps): Verdict | Promise<Verdict>;
}

/** A restriction's place: in whose list it stands, and its argument. */
export interface Where {
  readonly stage: Stage;
  readonly argument: string;
  /** What `argument` names, for restrictions that take a table. */
  readonly table: Table | null;
}
