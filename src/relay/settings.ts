/** How much a next hop must prove before mail goes to it. Postfix's smtp_tls_security_level. */
export type TlsLevel = 'none' | 'may' | 'encrypt' | 'verify' | 'dane';

const tlsLevels: readonly string[] = ['none', 'may', 'encrypt', 'verify', 'dane'];
export const isTlsLevel = (word: string): word is TlsLevel => tlsLevels.includes(word);

/** Slice of the configuration. Times are milliseconds, names Postfix's without `smtp_`. */
export interface RelaySettings {
  /** EHLO name. */
  readonly hostname: string;
  /** Next hop for everything that `transport` does not name; '' = each domain's MX. Syntax: route.ts. */
  readonly relayhost: string;
  /** Next hop by domain; `.example.com` covers subdomains, `*` all. */
  readonly transport: Readonly<Record<string, string>>;
  /** Lines `NEXTHOP USER:PASSWORD`, as Postfix's sasl_passwd; '' = none. */
  readonly passwordFile: string;
  /** Default `may`: TLS where it is offered. With `dane`, DANE where DNS has it and is authenticated, else `may`. */
  readonly tlsLevel: TlsLevel;
  /** Level by domain or next hop, as `transport`. */
  readonly tlsPolicy: Readonly<Record<string, TlsLevel>>;
  /** PEM of further certification authorities. */
  readonly tlsCa: readonly string[];
  /** Honour MTA-STS policies. RFC 8461 */
  readonly mtaSts: boolean;
  /** Source address by domain of the sender, `*` for all. */
  readonly bindAddress: Readonly<Record<string, string>>;
  /** Port of MX hosts; 25 but for tests. */
  readonly port: number;
  /** Recipients in one transaction. */
  readonly recipientLimit: number;
  /** Addresses tried, and sessions had, before a delivery is put off. */
  readonly mxAddressLimit: number;
  readonly mxSessionLimit: number;
  /** How long a connection waits for more mail, and how many messages it carries. */
  readonly idleTime: number;
  readonly messagesPerConnection: number;
  /** Received fields that mean a loop. RFC 5321 6.3 */
  readonly hopCountLimit: number;
  readonly timeouts: RelayTimeouts;
}

/** RFC 5321 4.5.3.2 */
export interface RelayTimeouts {
  readonly connect: number;
  readonly greeting: number;
  readonly command: number;
  readonly dataInitiation: number;
  readonly dataBlock: number;
  readonly dataDone: number;
}

const minute = 60_000;

export const defaultRelaySettings: Omit<RelaySettings, 'hostname'> = {
  relayhost: '',
  transport: {},
  passwordFile: '',
  tlsLevel: 'dane',
  tlsPolicy: {},
  tlsCa: [],
  mtaSts: true,
  bindAddress: {},
  port: 25,
  recipientLimit: 100,
  mxAddressLimit: 5,
  mxSessionLimit: 2,
  idleTime: 5_000,
  messagesPerConnection: 100,
  hopCountLimit: 50,
  timeouts: {
    connect: minute / 2,
    greeting: 5 * minute,
    command: 5 * minute,
    dataInitiation: 2 * minute,
    dataBlock: 3 * minute,
    dataDone: 10 * minute,
  },
};
