import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Fault } from '../mail/fault.ts';
import type { Dns } from '../net/dns.ts';
import type { Route } from './route.ts';

/** One address of one next hop. */
export interface HostAddress {
  readonly host: string;
  readonly address: string;
  /** The name was vouched for by DNSSEC all the way: MX and address. RFC 7672 2.2 */
  readonly authenticated: boolean;
}

/** Why there is nowhere to go, as a reply: 4xx defers, 5xx fails. */
export class NoHosts extends Error {}

export interface HostsDeps {
  readonly dns: Dns;
  /** Names that this server goes by, lower case: an MX that leads here is a loop. */
  readonly ownNames: ReadonlySet<string>;
  readonly ownAddresses: (address: string, port: number) => boolean;
  readonly random: () => number;
}

/**
 * Addresses to try, best first: hosts by preference, those of one preference shuffled; IPv6 and IPv4 of a host by turns.
 * RFC 5321 5.1, RFC 7505 (null MX)
 *
 * @throws NoHosts
 */
export async function hostsOf(route: Route, deps: HostsDeps): Promise<HostAddress[]> {
  if (isIP(route.host) !== 0) return [{ host: route.host, address: route.host, authenticated: false }];
  const { names, authenticated, implicit } = route.mx
    ? await exchanges(route.host, deps)
    : { names: [route.host], authenticated: true, implicit: false };
  const found: HostAddress[] = [];
  let temporary: string | null = null;
  for (const name of names) {
    try {
      const addresses = await addressesOf(name, deps.dns);
      const list = addresses.list.map((address) => ({ host: name, address, authenticated: authenticated && addresses.authenticated }));
      if (list.some(({ address }) => deps.ownAddresses(address, route.port))) {
        // Everything from ourselves on is worse than us: going there would come back. RFC 5321 5.1
        if (found.length === 0) throw new NoHosts(`554 5.4.6 Mail for ${route.host} loops back to this host`);
        break;
      }
      found.push(...list);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      temporary = error.detail;
    }
    if (found.length >= 50) break;
  }
  if (found.length > 0) return found;
  if (temporary !== null) throw new NoHosts(`451 4.4.3 ${temporary}`);
  throw new NoHosts(implicit ? `550 5.1.2 No such domain: ${route.host}` : `550 5.4.4 No address for the mail hosts of ${route.host}`);
}

async function exchanges(domain: string, { dns, ownNames, random }: HostsDeps) {
  let answer: Awaited<ReturnType<Dns['mx']>>;
  try {
    answer = await dns.mx(domain);
  } catch (error) {
    if (error instanceof Fault) throw new NoHosts(`451 4.4.3 ${error.detail}`);
    throw error;
  }
  if (!answer.exists) throw new NoHosts(`550 5.1.2 No such domain: ${domain}`);
  if (answer.records.length === 0) return { names: [domain], authenticated: answer.authenticated, implicit: true };
  const usable = answer.records.filter(({ exchange }) => exchange !== '' && isIP(exchange) === 0);
  if (usable.length === 0) {
    // A lone "." says that the domain takes no mail. RFC 7505 4.1; RFC 3463 / 7505 4.3: 556 5.1.10
    if (answer.records.some(({ exchange }) => exchange === '')) throw new NoHosts(`556 5.1.10 ${domain} takes no mail (null MX)`);
    throw new NoHosts(`550 5.4.4 MX of ${domain} is an address, not a name`);
  }
  const sorted = usable.map((record) => ({ ...record, turn: random() })).sort((a, b) => a.preference - b.preference || a.turn - b.turn);
  const own = sorted.find(({ exchange }) => ownNames.has(exchange));
  const better = own === undefined ? sorted : sorted.filter(({ preference }) => preference < own.preference);
  if (better.length === 0) throw new NoHosts(`554 5.4.6 Mail for ${domain} loops back to this host`);
  return { names: better.map(({ exchange }) => exchange), authenticated: answer.authenticated, implicit: false };
}

async function addressesOf(name: string, dns: Dns): Promise<{ list: string[]; authenticated: boolean }> {
  const answers = await Promise.allSettled([dns.aaaa(name), dns.a(name)]);
  const good = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const list: string[] = [];
  const [six = [], four = []] = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.records : []));
  for (let i = 0; i < Math.max(six.length, four.length); i++) {
    for (const address of [six[i], four[i]]) if (address !== undefined) list.push(address);
  }
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (list.length === 0 && failed !== undefined) throw failed.reason;
  return { list, authenticated: good.filter((answer) => answer.records.length > 0).every((answer) => answer.authenticated) };
}

/** An address of this machine's, on the port that MX hosts listen on. */
export function isOwnAddress(address: string, port: number): boolean {
  if (port !== 25) return false;
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address && !own.internal));
}
