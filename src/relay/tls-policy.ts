import { Fault } from '../mail/fault.ts';
import type { Dns, TlsaRecord } from '../net/dns.ts';
import { usableTlsa } from './dane.ts';
import type { HostAddress } from './hosts.ts';
import type { MtaSts } from './mta-sts.ts';
import { lookUp, type Route } from './route.ts';
import type { RelaySettings, TlsLevel } from './settings.ts';
import { type StsPolicy, stsAllows } from './sts-policy.ts';

/** What one host must do for one delivery. */
export interface HostPolicy {
  readonly level: TlsLevel;
  /** For `dane`. */
  readonly tlsa: readonly TlsaRecord[];
  /** Where it comes from, as TLS-RPT calls it. RFC 8460 4.2 */
  readonly type: 'tlsa' | 'sts' | 'no-policy-found' | 'configured';
  /** What is not met is only reported. RFC 8461 5 */
  readonly testing: boolean;
}

/** A host that policy forbids, as a reply. */
export class Forbidden extends Error {}

export interface DomainPolicy {
  readonly configured: TlsLevel | null;
  readonly level: TlsLevel;
  readonly sts: StsPolicy | null;
  readonly requireTls: boolean;
}

/** What the sender asks for: proof (REQUIRETLS), or delivery even where it cannot be encrypted (`TLS-Required: No`). RFC 8689 */
export type TlsWish = 'required' | 'optional' | null;

/**
 * What holds for all hosts of a domain. REQUIRETLS asks for proof whatever is configured. RFC 8689 4.2.1
 * `TLS-Required: No` sets aside what the recipient's domain publishes (DANE, MTA-STS), not what is configured here. RFC 8689 4.2.2
 */
export async function domainPolicy(
  domain: string,
  route: Route,
  wish: TlsWish,
  settings: RelaySettings,
  sts: MtaSts | null,
): Promise<DomainPolicy> {
  const configured = lookUp(settings.tlsPolicy, route.nextHop) ?? lookUp(settings.tlsPolicy, domain) ?? null;
  const own = configured ?? settings.tlsLevel;
  const optional = wish === 'optional';
  const level = optional && own === 'dane' && configured === null ? 'may' : own;
  // A domain's own policy speaks of its MX hosts, not of a next hop of ours.
  const asks = !optional && configured === null && route.mx && route.nextHop === domain && settings.mtaSts && sts !== null;
  return { configured, level, sts: asks ? await sts.policyOf(domain) : null, requireTls: wish === 'required' };
}

/**
 * What holds for one host. DANE comes before MTA-STS. RFC 8461 2
 *
 * @throws Forbidden when the host is not one that the policy allows, or its TLSA records cannot be had (an attacker may hide them)
 */
export async function hostPolicy(policy: DomainPolicy, host: HostAddress, route: Route, dns: Dns): Promise<HostPolicy> {
  const { configured, level, sts, requireTls } = policy;
  const none = { tlsa: [], testing: false } as const;
  if (level === 'dane' && host.authenticated && route.protocol === 'smtp') {
    const tlsa = await tlsaOf(host.host, route.port, dns);
    if (tlsa !== null) {
      // Records there, but none that we understand: encrypt without proof. RFC 7672 2.2
      const usable = usableTlsa(tlsa);
      if (usable.length > 0) return { level: 'dane', tlsa: usable, type: 'tlsa', testing: false };
      return { level: requireTls ? 'verify' : 'encrypt', type: 'tlsa', ...none };
    }
  }
  if (sts !== null && sts.mode !== 'none') {
    const allowed = stsAllows(sts, host.host);
    if (sts.mode === 'enforce') {
      if (!allowed) throw new Forbidden(`450 4.7.5 ${host.host} is not a mail host by the domain's MTA-STS policy`);
      return { level: 'verify', type: 'sts', ...none };
    }
    if (!requireTls) return { level: 'may', tlsa: [], type: 'sts', testing: true };
  }
  const type = configured === null ? 'no-policy-found' : 'configured';
  // A certificate proves nothing of a host that an attacker may have named. RFC 8689 4.2.1
  if (requireTls && route.mx && !host.authenticated)
    throw new Forbidden(`450 4.7.30 ${host.host} is not known by DNSSEC or MTA-STS to be a mail host of the domain, as REQUIRETLS demands`);
  if (requireTls) return { level: 'verify', type, ...none };
  return { level: level === 'dane' ? (configured === 'dane' ? 'encrypt' : 'may') : level, type, ...none };
}

/** null: none, or not authenticated. */
async function tlsaOf(host: string, port: number, dns: Dns): Promise<readonly TlsaRecord[] | null> {
  try {
    const answer = await dns.tlsa(`_${port}._tcp.${host}`);
    return answer.authenticated && answer.records.length > 0 ? answer.records : null;
  } catch (error) {
    if (error instanceof Fault) throw new Forbidden(`450 4.7.5 TLSA records of ${host}: ${error.detail}`);
    throw error;
  }
}
