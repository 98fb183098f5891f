import { readFileSync } from 'node:fs';
import type { Answer, DecodedPacket, RecordType } from 'dns-packet';
import { type Clock, systemClock } from '../base/clock.ts';
import { Fault } from '../mail/fault.ts';
import type { Dns, DnsAnswer } from './dns.ts';
import { type DnsServer, exchange, rcode } from './dns-exchange.ts';
import { dnsName, reverseName } from './dns-name.ts';

export interface DnsSettings {
  /** Asked in order; the next one when one fails. Those of /etc/resolv.conf when absent. */
  readonly servers?: readonly DnsServer[];
  /** Milliseconds to wait for one server. Default 3,000. */
  readonly timeout?: number;
  /** Rounds through the servers. Default 2. */
  readonly attempts?: number;
  /** Answers kept. Default 10,000. */
  readonly cacheSize?: number;
  /** Believe the AD bit: the resolver validates and nobody can forge the way to it. Default: only when every server is on loopback. RFC 7672 2.2 */
  readonly authenticated?: boolean;
}

/** Milliseconds: the longest a positive, a negative answer (RFC 2308 5) and a failure (RFC 9520 3.2) are kept. */
const longest = { positive: 86_400_000, negative: 3_600_000, failure: 5_000 };

interface Kept {
  readonly until: number;
  readonly answer: Promise<DnsAnswer<Answer>>;
}

/** A stub resolver: asks recursive servers and keeps what they say as long as they say. */
export function createDns(settings: DnsSettings = {}, clock: Clock = systemClock): Dns {
  const servers = settings.servers ?? systemServers();
  const timeout = settings.timeout ?? 3_000;
  const attempts = settings.attempts ?? 2;
  const cacheSize = settings.cacheSize ?? 10_000;
  const trusted = settings.authenticated ?? servers.every((server) => /^(127\.|::1$)/.test(server.host));
  const cache = new Map<string, Kept>();

  async function query(name: string, type: RecordType): Promise<DecodedPacket> {
    let last = new Fault('unavailable', 'no DNS server is configured');
    for (let round = 0; round < attempts; round++) {
      for (const server of servers) {
        try {
          const reply = await exchange(server, name, type, timeout);
          const code = rcode(reply);
          if (code === 'NOERROR' || code === 'NXDOMAIN') return reply;
          last = new Fault('unavailable', `DNS ${type} ${name}: ${code}`);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          last = new Fault('unavailable', error.detail, { cause: error });
        }
      }
    }
    throw last;
  }

  function keep(key: string, kept: Kept): void {
    cache.delete(key);
    cache.set(key, kept);
    if (cache.size > cacheSize) cache.delete(cache.keys().next().value!);
  }

  function ask(name: string, type: RecordType): Promise<DnsAnswer<Answer>> {
    const ascii = dnsName(name);
    if (ascii === null) return Promise.resolve({ records: [], exists: false, authenticated: false, canonical: name });
    const key = `${type} ${ascii}`;
    const found = cache.get(key);
    if (found !== undefined && found.until > clock.now()) return found.answer;
    // In flight: whoever asks meanwhile waits for the same answer.
    const answer = query(ascii, type).then((reply) => {
      const { ttl, ...result } = read(reply, ascii, type, trusted);
      keep(key, { until: clock.now() + ttl, answer });
      return result;
    });
    answer.catch(() => keep(key, { until: clock.now() + longest.failure, answer }));
    keep(key, { until: Number.POSITIVE_INFINITY, answer });
    return answer;
  }

  async function records<T>(name: string, type: RecordType, map: (answer: Answer) => T): Promise<DnsAnswer<T>> {
    const answer = await ask(name, type);
    return { ...answer, records: answer.records.map(map) };
  }

  const text = (answer: Answer): string => (answer as { data: string }).data;
  const host = (name: string): string => name.toLowerCase().replace(/\.$/, '');
  return {
    mx: (name) =>
      records(name, 'MX', (answer) => {
        const { preference, exchange: to } = (answer as { data: { preference?: number; exchange: string } }).data;
        return { preference: preference ?? 0, exchange: host(to) };
      }),
    a: (name) => records(name, 'A', text),
    aaaa: (name) => records(name, 'AAAA', text),
    txt: (name) => records(name, 'TXT', (answer) => joined((answer as { data: string | Buffer | (string | Buffer)[] }).data)),
    ptr: async (address) => {
      const name = reverseName(address);
      if (name === null) return { records: [], exists: false, authenticated: false, canonical: address };
      return records(name, 'PTR', (answer) => host(text(answer)));
    },
    tlsa: (name) =>
      records(name, 'TLSA', (answer) => {
        const { usage, selector, matchingType, certificate } = (
          answer as { data: { usage: number; selector: number; matchingType: number; certificate: Buffer } }
        ).data;
        return { usage, selector, matching: matchingType, data: certificate };
      }),
    cname: (name) => records(name, 'CNAME', (answer) => host(text(answer))),
    srv: (name) =>
      records(name, 'SRV', (answer) => {
        const { priority, weight, port, target } = (
          answer as { data: { priority?: number; weight?: number; port: number; target: string } }
        ).data;
        return { priority: priority ?? 0, weight: weight ?? 0, port, target: host(target) };
      }),
  };
}

const joined = (data: string | Buffer | readonly (string | Buffer)[]): string =>
  (Array.isArray(data) ? data : [data]).map((part: string | Buffer) => (typeof part === 'string' ? part : part.toString('utf8'))).join('');

/** Follows CNAMEs within the answer, at most 16. RFC 1034 3.6.2 */
function read(reply: DecodedPacket, name: string, type: RecordType, trusted: boolean): DnsAnswer<Answer> & { ttl: number } {
  const answers = (reply.answers ?? []).filter((answer) => answer.type !== 'OPT');
  const same = (a: string, b: string): boolean => a.toLowerCase().replace(/\.$/, '') === b;
  let canonical = name;
  let ttl = longest.positive;
  const take = (answer: Answer): void => {
    ttl = Math.min(ttl, ((answer as { ttl?: number }).ttl ?? 0) * 1000);
  };
  for (let links = 0; links < 16 && type !== 'CNAME'; links++) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && same(answer.name, canonical));
    if (alias === undefined) break;
    take(alias);
    canonical = (alias as { data: string }).data.toLowerCase().replace(/\.$/, '');
  }
  const records = answers.filter((answer) => answer.type === type && same(answer.name, canonical));
  for (const record of records) take(record);
  if (records.length === 0) ttl = Math.min(ttl, negativeTtl(reply));
  return { records, exists: rcode(reply) !== 'NXDOMAIN', authenticated: trusted && reply.flag_ad, canonical, ttl };
}

/** RFC 2308 5: the lesser of the SOA's TTL and its minimum; without SOA not kept for long. */
function negativeTtl(reply: DecodedPacket): number {
  for (const record of reply.authorities ?? []) {
    if (record.type !== 'SOA') continue;
    return Math.min(record.ttl ?? 0, record.data.minimum ?? 0, longest.negative / 1000) * 1000;
  }
  return longest.failure;
}

/** `nameserver` lines of /etc/resolv.conf. */
export function systemServers(file = '/etc/resolv.conf'): DnsServer[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    text = '';
  }
  const hosts = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]!);
  return (hosts.length > 0 ? hosts : ['127.0.0.1']).map((host) => ({ host, port: 53 }));
}
