import type { DirectorySource } from '../directory/directory.ts';
import { formatAddress } from '../mail/address.ts';

/**
 * A directory that also answers for domains that this server only relays for (a backup MX): all of a domain's addresses, or those
 * listed where the domain has any in the list. Unknown ones are refused at once, not returned later. RFC 5321 3.6.2
 */
export function withRelayDomains<T extends DirectorySource>(directory: T, domains: readonly string[], recipients: readonly string[]): T {
  if (domains.length === 0) return directory;
  const relayed = new Set(domains.map((name) => name.toLowerCase()));
  const listed = new Set(recipients.map((address) => address.toLowerCase()));
  const validated = new Set([...listed].map((address) => address.slice(address.lastIndexOf('@') + 1)));
  return {
    ...directory,
    async domain(name) {
      const own = await directory.domain(name);
      return own === null && relayed.has(name.toLowerCase()) ? { name: name.toLowerCase(), enabled: true, aliasOf: null } : own;
    },
    async expand(address) {
      const domain = address.domain.toLowerCase();
      if (!relayed.has(domain) || (await directory.domain(domain)) !== null) return directory.expand(address);
      const text = formatAddress(address);
      const known = !validated.has(domain) || listed.has(text.toLowerCase());
      return {
        accounts: [],
        remote: known ? [address] : [],
        failure: known ? null : 'noSuchUser',
        steps: [{ from: text, rule: known ? 'remote' : 'not found', to: known ? text : '' }],
      };
    },
  };
}
