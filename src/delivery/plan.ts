import type { Account, DirectorySource, Expansion } from '../directory/directory.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import type { ForwardPath } from '../mail/envelope.ts';
import { Fault, type FaultKind } from '../mail/fault.ts';
import type { Expansions } from './delivery.ts';

export interface LocalTarget {
  readonly account: Account;
  /** The first forward path that leads here. */
  readonly path: ForwardPath;
}

/** Where a message goes: each account and each remote address once, whatever number of paths lead there. */
export interface Plan {
  readonly local: ReadonlyMap<string, LocalTarget>;
  readonly remote: ReadonlyMap<string, ForwardPath>;
  /** By forward path, in order: what it leads to, or why nowhere. */
  readonly paths: readonly (readonly string[] | FaultKind)[];
}

/** Follows aliases to the end. `looped`: addresses of ours that the message has been delivered to before. */
export async function plan(
  paths: readonly ForwardPath[],
  directory: DirectorySource,
  looped: readonly string[],
  known?: Expansions,
): Promise<Plan> {
  const local = new Map<string, LocalTarget>();
  const remote = new Map<string, ForwardPath>();
  const results = await Promise.all(paths.map((path) => targets(path, directory, known?.get(path))));
  const leads = results.map((result, i): readonly string[] | FaultKind => {
    if (typeof result === 'string') return result;
    const path = paths[i]!;
    const keys: string[] = [];
    for (const account of result.accounts) {
      if (looped.includes(account.address)) continue;
      const key = `local ${account.address}`;
      if (!local.has(key)) local.set(key, { account, path });
      keys.push(key);
    }
    for (const address of result.remote) {
      const key = `remote ${formatAddress(address)}`;
      if (!remote.has(key)) remote.set(key, { ...path, address });
      keys.push(key);
    }
    return keys.length === 0 ? 'tooMany' : keys;
  });
  return { local, remote, paths: leads };
}

async function targets(
  { address }: ForwardPath,
  directory: DirectorySource,
  known: Expansion | undefined,
): Promise<{ readonly accounts: readonly Account[]; readonly remote: readonly Address[] } | FaultKind> {
  try {
    const { accounts, remote, failure } = known ?? (await directory.expand(address));
    if (failure === 'loop') return 'tooMany';
    // Whose domain is not ours is elsewhere; whether the client may relay was settled at RCPT.
    if (failure === 'noSuchDomain') return { accounts: [], remote: [address] };
    if (failure !== null) return failure;
    return { accounts: accounts.map(({ account }) => account), remote };
  } catch (error) {
    if (error instanceof Fault) return error.kind;
    throw error;
  }
}
