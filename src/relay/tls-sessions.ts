import { createSecureContext, type PeerCertificate, rootCertificates, type SecureContext } from 'node:tls';
import type { OldSession, SmtpClient } from './client.ts';
import type { HostAddress } from './hosts.ts';
import type { Route } from './route.ts';
import type { HostPolicy } from './tls-policy.ts';

const mostKept = 1_000;
/** What a certificate proved is proved anew after this long, however long the server would resume. Milliseconds; RFC 8446 4.6.1 allows seven days. */
const lifetime = 3_600_000;

interface Kept extends OldSession {
  /** Milliseconds since 1970. */
  readonly until: number;
}

/**
 * Tickets that next hops gave, so that the next connection is spared proof and signature. RFC 8446 2.2, RFC 5077
 *
 * One was made under a policy's level and is offered under no other; what is asked of the certificate is asked again, of the one
 * that was shown when it was made. A server's newest serves any number of connections: they all come from one known address, so
 * there is nothing that RFC 8446 C.4 could hide.
 */
export class TlsSessions {
  readonly #authorities: readonly string[];
  readonly #contexts = new Map<boolean, SecureContext>();
  /** The longest unused first. */
  readonly #kept = new Map<string, Kept>();

  /** @param authorities PEM of certification authorities besides the usual ones */
  constructor(authorities: readonly string[]) {
    this.#authorities = authorities;
  }

  /** Made once: its list of ciphers and authorities costs as much to read as a handshake. */
  contextFor({ level }: HostPolicy): SecureContext {
    const opportunistic = level === 'may';
    let context = this.#contexts.get(opportunistic);
    context ??= createSecureContext({
      // DANE goes without old versions. RFC 7672 3
      minVersion: opportunistic ? 'TLSv1' : 'TLSv1.2',
      ...(this.#authorities.length > 0 && { ca: [...rootCertificates, ...this.#authorities] }),
      ...(opportunistic && { ciphers: 'DEFAULT@SECLEVEL=0' }),
    });
    this.#contexts.set(opportunistic, context);
    return context;
  }

  find(key: string, now: number): OldSession | null {
    const kept = this.#kept.get(key);
    return kept === undefined || kept.until <= now ? null : kept;
  }

  /** @param now milliseconds since 1970 */
  keep(key: string, { tls, tlsSession: session }: Pick<SmtpClient, 'tls' | 'tlsSession'>, policy: HostPolicy, now: number): void {
    if (tls === null || session === null) return;
    const certificate = asksForProof(policy) ? tls.certificate : null;
    const until = tls.resumed ? this.#kept.get(key)?.until : Math.min(now + lifetime, endOf(certificate, policy));
    if (until === undefined) return;
    this.#kept.delete(key);
    this.#kept.set(key, { session, certificate, until });
    if (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value!);
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }
}

const asksForProof = ({ level, testing }: HostPolicy): boolean => level === 'verify' || level === 'dane' || testing;

/** DANE-EE does not mind dates, DANE-TA looks at them each time. */
function endOf(certificate: PeerCertificate | null, { level }: HostPolicy): number {
  return level !== 'verify' || certificate === null ? Number.POSITIVE_INFINITY : Date.parse(certificate.valid_to);
}

/** All that two connections must share for one to resume the other's session. */
export function sessionKey(route: Route, host: HostAddress, policy: HostPolicy): string {
  return [host.host, host.address, route.port, policy.level, asksForProof(policy)].join(' ');
}
