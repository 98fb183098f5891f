import type { RelaySettings } from './settings.ts';

/** Where mail for a domain goes. */
export interface Route {
  readonly protocol: 'smtp' | 'lmtp';
  /** Host name, address, or a domain whose MX is looked up. */
  readonly host: string;
  readonly mx: boolean;
  readonly port: number;
  /** TLS from the first octet (port 465). */
  readonly implicitTls: boolean;
  /** As configured, for look-ups of policy and password; the domain where nothing was. */
  readonly nextHop: string;
}

/**
 * Reads a next hop:
 *
 *     next-hop = [("smtp" / "smtps" / "lmtp") ":"] (host / domain) [":" port]
 *     host     = "[" name-or-address "]"          ; no MX look-up
 *
 * `[mx.example]:587`, `example.com`, `lmtp:[127.0.0.1]:2424`, `smtps:[mx.example]`. Port 465 is TLS from the start.
 *
 * @returns null where it is none
 */
export function parseNextHop(text: string, defaultPort = 25): Route | null {
  const match = /^(?:(smtp|smtps|lmtp|relay):)?(?:\[([^[\]\s]+)\]|([^[\]\s:]+))(?::(\d{1,5}|submissions?|smtps?))?$/i.exec(text.trim());
  if (match === null) return null;
  const scheme = (match[1] ?? 'smtp').toLowerCase();
  const host = (match[2]?.replace(/^ipv6:/i, '') ?? match[3] ?? '').toLowerCase();
  const service: Record<string, number> = { smtp: 25, smtps: 465, submissions: 465, submission: 587 };
  const named = match[4]?.toLowerCase();
  const fallback = scheme === 'smtps' ? 465 : scheme === 'lmtp' ? 24 : defaultPort;
  const port = named === undefined ? fallback : (service[named] ?? Number(named));
  if (port < 1 || port > 65_535) return null;
  return {
    protocol: scheme === 'lmtp' ? 'lmtp' : 'smtp',
    host,
    mx: match[2] === undefined,
    port,
    implicitTls: scheme === 'smtps' || port === 465,
    nextHop: text.trim().toLowerCase(),
  };
}

/** The entry for a domain: itself, then `.parent` of each parent, then `*`. */
export function lookUp<T>(table: Readonly<Record<string, T>>, domain: string): T | undefined {
  const own = (key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);
  let found = own(domain);
  for (let dot = domain.indexOf('.'); found === undefined && dot >= 0; dot = domain.indexOf('.', dot + 1)) found = own(domain.slice(dot));
  return found ?? own('*');
}

/** What is configured for a domain, else its MX. An address literal is a host. RFC 5321 5.1 */
export function routeFor(domain: string, settings: Pick<RelaySettings, 'transport' | 'relayhost' | 'port'>): Route {
  const configured = lookUp(settings.transport, domain) ?? settings.relayhost;
  const parsed = configured === '' ? null : parseNextHop(configured, settings.port);
  if (parsed !== null) return parsed;
  const literal = /^\[(?:ipv6:)?([^\]]+)\]$/i.exec(domain);
  return {
    protocol: 'smtp',
    host: literal?.[1] ?? domain,
    mx: literal === null,
    port: settings.port,
    implicitTls: false,
    nextHop: domain,
  };
}

/** What concurrency is kept for: domains that share a configured next hop share it. */
export const destinationKey = (route: Route): string => route.nextHop;
