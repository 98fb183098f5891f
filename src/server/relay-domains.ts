import type { DirectorySource } from '../directory/directory.ts';
import { type Address, formatAddress } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';
import type { Verdict } from '../relay/call-ahead.ts';

export interface RelayDomains {
  readonly names: ReadonlySet<string>;
  /** By domain, lower case; what a domain takes that is not here is asked, or all. */
  readonly recipients: ReadonlyMap<string, ReadonlySet<string>>;
  /** Asks the domain's better mail hosts; null: nobody is asked. */
  readonly callAhead: ((address: Address) => Promise<Verdict>) | null;
  /** What is done where they give no answer. */
  readonly undecided: 'accept' | 'defer';
}

export function relayDomains(
  domains: readonly string[],
  recipients: readonly string[],
  { callAhead = null, undecided = 'accept' }: Partial<Pick<RelayDomains, 'callAhead' | 'undecided'>> = {},
): RelayDomains {
  const listed = recipients.map((address) => address.toLowerCase());
  const byDomain = Map.groupBy(listed, (address) => address.slice(address.lastIndexOf('@') + 1));
  return {
    names: new Set(domains.map((name) => name.toLowerCase())),
    recipients: new Map([...byDomain].map(([domain, addresses]) => [domain, new Set(addresses)])),
    callAhead,
    undecided,
  };
}

/** Whether an address of a relay domain may exist: the list decides where the domain has one, else its better mail hosts. */
async function isKnown(address: Address, { recipients, callAhead, undecided }: RelayDomains): Promise<boolean> {
  const listed = recipients.get(address.domain.toLowerCase());
  if (listed !== undefined) return listed.has(formatAddress(address).toLowerCase());
  if (callAhead === null) return true;
  const verdict = await callAhead(address);
  if (verdict === 'undecided' && undecided === 'defer') throw new Fault('unavailable', `no answer about ${formatAddress(address)} yet`);
  return verdict !== 'unknown';
}

/**
 * A directory that also answers for domains that this server only relays for (a backup MX): all of a domain's addresses, those
 * listed where the domain has any in the list, or those that its better mail hosts know. Unknown ones are refused at once, not returned later. RFC 5321 3.6.2
 */
export function withRelayDomains<T extends DirectorySource>(directory: T, domains: () => RelayDomains): T {
  return {
    ...directory,
    async domain(name) {
      const own = await directory.domain(name);
      return own === null && domains().names.has(name.toLowerCase()) ? { name: name.toLowerCase(), enabled: true, aliasOf: null } : own;
    },
    async expand(address) {
      const now = domains();
      const domain = address.domain.toLowerCase();
      if (!now.names.has(domain) || (await directory.domain(domain)) !== null) return directory.expand(address);
      const text = formatAddress(address);
      const known = await isKnown(address, now);
      return {
        accounts: [],
        remote: known ? [address] : [],
        failure: known ? null : 'noSuchUser',
        steps: [{ from: text, rule: known ? 'remote' : 'not found', to: known ? text : '' }],
      };
    },
  };
}
