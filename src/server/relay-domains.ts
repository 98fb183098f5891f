import type { DirectorySource } from '../directory/directory.ts';
import { formatAddress } from '../mail/address.ts';

export interface RelayDomains {
  readonly names: ReadonlySet<string>;
  /** By domain, lower case; a domain that is not here takes all. */
  readonly recipients: ReadonlyMap<string, ReadonlySet<string>>;
}

export function relayDomains(domains: readonly string[], recipients: readonly string[]): RelayDomains {
  const listed = recipients.map((address) => address.toLowerCase());
  const byDomain = Map.groupBy(listed, (address) => address.slice(address.lastIndexOf('@') + 1));
  return {
    names: new Set(domains.map((name) => name.toLowerCase())),
    recipients: new Map([...byDomain].map(([domain, addresses]) => [domain, new Set(addresses)])),
  };
}

/**
 * A directory that also answers for domains that this server only relays for (a backup MX): all of a domain's addresses, or those
 * listed where the domain has any in the list. Unknown ones are refused at once, not returned later. RFC 5321 3.6.2
 */
export function withRelayDomains<T extends DirectorySource>(directory: T, domains: () => RelayDomains): T {
  return {
    ...directory,
    async domain(name) {
      const own = await directory.domain(name);
      return own === null && domains().names.has(name.toLowerCase()) ? { name: name.toLowerCase(), enabled: true, aliasOf: null } : own;
    },
    async expand(address) {
      const { names, recipients } = domains();
      const domain = address.domain.toLowerCase();
      if (!names.has(domain) || (await directory.domain(domain)) !== null) return directory.expand(address);
      const text = formatAddress(address);
      const known = recipients.get(domain)?.has(text.toLowerCase()) ?? true;
      return {
        accounts: [],
        remote: known ? [address] : [],
        failure: known ? null : 'noSuchUser',
        steps: [{ from: text, rule: known ? 'remote' : 'not found', to: known ? text : '' }],
      };
    },
  };
}
