import type { Dns } from '../net/dns.ts';
import { type DkimKey, dkimRecord } from './dkim.ts';

/** One record to publish. */
export interface DnsRecord {
  readonly name: string;
  readonly type: 'MX' | 'TXT' | 'SRV' | 'CNAME';
  readonly value: string;
  /** What it is for, one sentence. */
  readonly says: string;
}

export interface PublishedBy {
  readonly hostname: string;
  /** Ports of listeners that answer from outside; null where there is none. */
  readonly ports: Readonly<Record<'submission' | 'submissions' | 'imap' | 'imaps' | 'pop3' | 'pop3s' | 'managesieve', number | null>>;
  /** Where this server answers by HTTP, for a web server with a certificate to pass on to; null where it does not. */
  readonly http: string | null;
}

const services = [
  ['submissions', '_submissions._tcp', 'RFC 8314'],
  ['submission', '_submission._tcp', 'RFC 6186'],
  ['imaps', '_imaps._tcp', 'RFC 6186'],
  ['imap', '_imap._tcp', 'RFC 6186'],
  ['pop3s', '_pop3s._tcp', 'RFC 6186'],
  ['pop3', '_pop3._tcp', 'RFC 6186'],
  ['managesieve', '_sieve._tcp', 'RFC 5804'],
] as const;

/** All that a mail domain publishes. RFC 7208 (SPF), 6376, 7489, 8461, 8460, 6186 */
export function recordsOf(domain: string, keys: readonly DkimKey[], { hostname, ports, http }: PublishedBy): DnsRecord[] {
  return [
    { name: domain, type: 'MX', value: `10 ${hostname}.`, says: 'mail for the domain comes here' },
    { name: domain, type: 'TXT', value: 'v=spf1 mx -all', says: 'SPF: only the MX hosts send for it' },
    ...keys.map((key) => ({
      name: `${key.selector}._domainkey.${domain}`,
      type: 'TXT' as const,
      value: dkimRecord(key),
      says: `DKIM: the public ${key.type} key`,
    })),
    {
      name: `_dmarc.${domain}`,
      type: 'TXT',
      value: `v=DMARC1; p=quarantine; rua=mailto:postmaster@${domain}`,
      says: 'DMARC: what to do with mail that fails both',
    },
    ...(http === null ? [] : stsRecords(domain, hostname, http)),
    { name: `_smtp._tls.${domain}`, type: 'TXT', value: `v=TLSRPTv1; rua=mailto:postmaster@${domain}`, says: 'TLS-RPT: where reports go' },
    ...(http === null ? [] : autoconfigRecords(domain, hostname, http)),
    ...services.map(([service, name, rfc]) => {
      const port = ports[service];
      const value = port === null ? '0 0 0 .' : `${service.endsWith('s') ? 0 : 10} 1 ${port} ${hostname}.`;
      return {
        name: `${name}.${domain}`,
        type: 'SRV' as const,
        value,
        says: `${rfc}: clients find ${service}${port === null ? ' switched off' : ''}`,
      };
    }),
  ];
}

/** Only where the policy is served: senders that find the record and no policy are put off for nothing. RFC 8461 3.1 */
function stsRecords(domain: string, hostname: string, http: string): DnsRecord[] {
  const policy = `https://mta-sts.${domain}/.well-known/mta-sts.txt`;
  return [
    { name: `_mta-sts.${domain}`, type: 'TXT', value: 'v=STSv1; id=1;', says: `MTA-STS: a policy is at ${policy}` },
    {
      name: `mta-sts.${domain}`,
      type: 'CNAME',
      value: `${hostname}.`,
      says: `where it is: a web server with a certificate for that name, which passes the path on to http://${http}`,
    },
  ];
}

/** Where mail programs look first when somebody types in an address. */
function autoconfigRecords(domain: string, hostname: string, http: string): DnsRecord[] {
  const proxy = (path: string): string => `a web server with a certificate for that name, which passes ${path} on to http://${http}`;
  return [
    {
      name: `autoconfig.${domain}`,
      type: 'CNAME',
      value: `${hostname}.`,
      says: `Thunderbird and others set themselves up: ${proxy('/mail/config-v1.1.xml')}`,
    },
    {
      name: `autodiscover.${domain}`,
      type: 'CNAME',
      value: `${hostname}.`,
      says: `Outlook too: ${proxy('/autodiscover/autodiscover.xml')}`,
    },
  ];
}

/** The MTA-STS policy to serve. RFC 8461 3.2 */
export const stsPolicyText = (hostname: string): string => `version: STSv1\r\nmode: testing\r\nmx: ${hostname}\r\nmax_age: 86400\r\n`;

/** As a line of a zone file; long texts in strings of 255. RFC 1035 3.3, 5.1 */
export function zoneLine({ name, type, value }: DnsRecord): string {
  if (type !== 'TXT') return `${name}. IN ${type} ${value}`;
  const strings = value.match(/.{1,255}/gs) ?? [''];
  return `${name}. IN TXT ${strings.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(' ')}`;
}

export interface Checked {
  readonly record: DnsRecord;
  readonly state: 'ok' | 'missing' | 'different' | 'unknown';
  /** What DNS says instead. */
  readonly found: readonly string[];
}

/** Compares with what DNS says. A text of the same kind that says something else is `different`, which may well be meant so. */
export async function checkRecord(record: DnsRecord, dns: Dns): Promise<Checked> {
  try {
    const found = await look(record, dns);
    const wanted = normal(record.value);
    if (found.some((value) => normal(value) === wanted)) return { record, state: 'ok', found };
    return { record, state: found.length === 0 ? 'missing' : 'different', found };
  } catch {
    return { record, state: 'unknown', found: [] };
  }
}

async function look({ name, type, value }: DnsRecord, dns: Dns): Promise<string[]> {
  switch (type) {
    case 'MX':
      return (await dns.mx(name)).records.map(({ preference, exchange }) => `${preference} ${exchange}.`);
    case 'SRV':
      return (await dns.srv(name)).records.map(({ priority, weight, port, target }) => `${priority} ${weight} ${port} ${target}.`);
    case 'CNAME': {
      const { records } = await dns.cname(name);
      return records.map((target) => `${target}.`);
    }
    case 'TXT': {
      const version = /^v=\w+/.exec(value)?.[0] ?? '';
      return (await dns.txt(name)).records.filter((text) => text.toLowerCase().startsWith(version.toLowerCase()));
    }
  }
}

const normal = (value: string): string =>
  value
    .toLowerCase()
    .replace(/\s*;\s*/g, ';')
    .replace(/;$/, '')
    .replace(/\s+/g, ' ')
    .trim();
