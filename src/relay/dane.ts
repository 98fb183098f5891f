import { createHash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type DetailedPeerCertificate, type PeerCertificate } from 'node:tls';
import type { TlsaRecord } from '../net/dns.ts';

/** Records that mean something for SMTP: DANE-TA(2) and DANE-EE(3) with a selector and hash that we know. RFC 7672 3.1 */
export function usableTlsa(records: readonly TlsaRecord[]): TlsaRecord[] {
  return records.filter(
    ({ usage, selector, matching, data }) => (usage === 2 || usage === 3) && selector <= 1 && matching <= 2 && data.length > 0,
  );
}

/**
 * Whether what the server showed fits its TLSA records.
 *
 * @param names reference identifiers for DANE-TA: the host, and the domain it serves. RFC 7672 3.2.3
 * @param now milliseconds since 1970
 */
export function daneMatches(records: readonly TlsaRecord[], leaf: PeerCertificate, names: readonly string[], now: number): boolean {
  const chain = chainOf(leaf);
  const first = chain[0];
  if (first === undefined) return false;
  // DANE-EE: neither name nor dates nor issuer matter. RFC 7672 3.1.1
  if (records.some((record) => record.usage === 3 && matches(record, first))) return true;
  const anchor = chain.findIndex((certificate) => records.some((record) => record.usage === 2 && matches(record, certificate)));
  if (anchor < 0) return false;
  const path = chain.slice(0, anchor + 1);
  const signed = path.every((certificate, i) => {
    const issuer = path[i + 1];
    return issuer === undefined || (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey) && issuer.ca);
  });
  const inTime = path.every(({ validFromDate, validToDate }) => validFromDate.getTime() <= now && now <= validToDate.getTime());
  return signed && inTime && names.some((name) => checkServerIdentity(name, leaf) === undefined);
}

/** Certificates as sent, leaf first, at most ten. */
function chainOf(leaf: PeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let at: DetailedPeerCertificate | undefined = leaf as DetailedPeerCertificate;
  while (at?.raw !== undefined && chain.length < 10 && !seen.has(at.fingerprint256)) {
    seen.add(at.fingerprint256);
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate;
  }
  return chain;
}

/** RFC 6698 2.1.2, 2.1.3 */
function matches({ selector, matching, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const octets = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const shown =
    matching === 0
      ? octets
      : createHash(matching === 1 ? 'sha256' : 'sha512')
          .update(octets)
          .digest();
  return shown.equals(data);
}
