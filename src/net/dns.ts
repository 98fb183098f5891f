/** What a name has of one record type. RFC 1034, RFC 2308 */
export interface DnsAnswer<T> {
  readonly records: readonly T[];
  /** False for NXDOMAIN: the name has no records of any type. RFC 8020 */
  readonly exists: boolean;
  /** The resolver vouches for it by DNSSEC (AD bit). Only as good as the way to the resolver. RFC 4035 3.2.3 */
  readonly authenticated: boolean;
  /** What the name stands for after CNAMEs; lower case, no final dot. */
  readonly canonical: string;
}

export interface MxRecord {
  readonly preference: number;
  /** Lower case, no final dot; empty for the null MX. RFC 7505 3 */
  readonly exchange: string;
}

/** RFC 6698 2.1 */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matching: number;
  readonly data: Buffer;
}

export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/**
 * The domain name system. Names may be Unicode; a name that cannot be one has no records and does not exist.
 * No records is an answer (`records` empty); a failure to get one (SERVFAIL, REFUSED, no reply) is a throw.
 *
 * @throws Fault unavailable
 */
export interface Dns {
  mx(name: string): Promise<DnsAnswer<MxRecord>>;
  a(name: string): Promise<DnsAnswer<string>>;
  aaaa(name: string): Promise<DnsAnswer<string>>;
  /** Strings of one record joined without a space. RFC 7208 3.3 */
  txt(name: string): Promise<DnsAnswer<string>>;
  /** Names of an IPv4 or IPv6 address. */
  ptr(address: string): Promise<DnsAnswer<string>>;
  tlsa(name: string): Promise<DnsAnswer<TlsaRecord>>;
  cname(name: string): Promise<DnsAnswer<string>>;
  srv(name: string): Promise<DnsAnswer<SrvRecord>>;
}
