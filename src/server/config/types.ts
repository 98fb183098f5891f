import { isIP } from 'node:net';

/** A kind of value: how it is written in TOML and in the environment, and what the program gets. */
export interface SettingType<T> {
  /** For the reference: `octets`, `time`, `list of host:port`. */
  readonly name: string;
  /** From TOML. @throws Problem with what would be right */
  parse(value: unknown): T;
  /** From an environment variable, into what TOML would have had. */
  fromText(text: string): unknown;
  /** As TOML. */
  format(value: T): string;
}

/** What would have been right, in words. */
export class Problem extends Error {}

const quote = (text: string): string => JSON.stringify(text);
const asText = (value: unknown): string => {
  if (typeof value !== 'string') throw new Problem(`wants a string, not ${describe(value)}`);
  return value;
};

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'object') return 'a table';
  return JSON.stringify(value);
}

export const text: SettingType<string> = { name: 'string', parse: asText, fromText: (t) => t, format: quote };

/** A file or folder; relative ones are resolved where the file is that names them. */
export const path: SettingType<string> = { ...text, name: 'path' };

/** Empty means absent. */
export const optionalPath: SettingType<string> = { ...text, name: 'path, or ""' };

export const bool: SettingType<boolean> = {
  name: 'true or false',
  parse(value) {
    if (typeof value !== 'boolean') throw new Problem(`wants true or false, not ${describe(value)}`);
    return value;
  },
  fromText(t) {
    if (/^(?:true|yes|on|1)$/i.test(t)) return true;
    if (/^(?:false|no|off|0)$/i.test(t)) return false;
    return t;
  },
  format: String,
};

export function integer(min: number, max: number, unit = ''): SettingType<number> {
  return {
    name: unit === '' ? 'number' : unit,
    parse(value) {
      const n = typeof value === 'bigint' ? Number(value) : value;
      if (typeof n !== 'number' || !Number.isInteger(n) || n < min || n > max) {
        throw new Problem(`wants a whole number from ${min} to ${max}, not ${describe(value)}`);
      }
      return n;
    },
    fromText: (t) => (/^-?\d+$/.test(t) ? Number(t) : t),
    format: String,
  };
}

export function oneOf<const W extends string>(...words: readonly W[]): SettingType<W> {
  return {
    name: words.map(quote).join(' or '),
    parse(value) {
      const found = words.find((word) => typeof value === 'string' && word.toLowerCase() === value.toLowerCase());
      if (found === undefined) throw new Problem(`wants ${words.map(quote).join(' or ')}, not ${describe(value)}`);
      return found;
    },
    fromText: (t) => t,
    format: quote,
  };
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Octets, as a number or with K, M, G, T: `"50M"`. */
export const size: SettingType<number> = {
  name: 'octets',
  parse(value) {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?) *([kmgtb]?)(?:i?b)?$/i.exec(value.trim()) : null;
    if (match === null) throw new Problem(`wants octets like 52428800 or "50M", not ${describe(value)}`);
    const octets = Math.round(Number(match[1]) * sizeUnits[match[2]!.toLowerCase()]!);
    if (!Number.isSafeInteger(octets)) throw new Problem(`is too large: ${describe(value)}`);
    return octets;
  },
  fromText: (t) => t,
  format: String,
};

const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds inside; written as Postfix does: `"30s"`, `"5d"`; a bare number is seconds. */
export const time: SettingType<number> = {
  name: 'time',
  parse(value) {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value * 1000;
    const match = typeof value === 'string' ? /^(\d+) *(ms|s|m|h|d|w)?$/i.exec(value.trim()) : null;
    if (match === null) throw new Problem(`wants a time like "30s", "10m", "5d", not ${describe(value)}`);
    return Number(match[1]) * timeUnits[(match[2] ?? 's').toLowerCase()]!;
  },
  fromText: (t) => t,
  format(value) {
    const unit = ['d', 'h', 'm', 's'].find((u) => value > 0 && value % timeUnits[u]! === 0) ?? (value === 0 ? 's' : 'ms');
    return quote(`${value / timeUnits[unit]!}${unit}`);
  },
};

/** A list of strings, each checked by `item`. One string is a list of one; in the environment commas separate. */
export function list(name: string, item: (text: string) => string = (t) => t): SettingType<readonly string[]> {
  return {
    name: `list of ${name}`,
    parse(value) {
      const items = typeof value === 'string' ? splitList(value) : value;
      if (!Array.isArray(items)) throw new Problem(`wants a list of ${name}, not ${describe(value)}`);
      return items.map((entry) => item(asText(entry)));
    },
    fromText: (t) => splitList(t),
    format: (value) => `[${value.map(quote).join(', ')}]`,
  };
}

/** At commas, but not inside braces: `check_client_access inline:{a=OK, b=REJECT}` is one. */
const splitList = (t: string): string[] =>
  (t.match(/(?:[^,{]|\{[^}]*\})+/g) ?? []).map((part) => part.trim()).filter((part) => part !== '');

/** Where to listen. */
export interface HostPort {
  /** Numeric address; `*` is `::` with IPv4 mapped in, or `0.0.0.0` where there is no IPv6. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export function parseHostPort(t: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(t.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new Problem(`wants "host:port" like "*:25" or "[::1]:2525", not ${quote(t)}`);
  const host = match[1] ?? (match[2] === '' ? '*' : match[2]!);
  const numeric = host === 'localhost' ? '127.0.0.1' : host;
  if (numeric !== '*' && isIP(numeric) === 0)
    throw new Problem(`wants an IP address, "localhost" or "*" before the port, not ${quote(host)}`);
  return { host: numeric, port };
}

export const formatHostPort = ({ host, port }: HostPort): string => (isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`);

export const listeners = list('host:port', (t) => formatHostPort(parseHostPort(t)));

/** `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`; the port is 53 unless said. */
export function dnsServer(t: string): string {
  const { host, port } = parseHostPort(isIP(t) === 6 ? `[${t}]:53` : isIP(t) === 4 ? `${t}:53` : t);
  if (host === '*' || port === 0) throw new Problem(`wants "address" or "address:port", not ${quote(t)}`);
  return formatHostPort({ host, port });
}

/** Networks as Postfix writes them: `127.0.0.0/8`, `[::1]/128`, a single address. */
export const networks = list('networks', (t) => {
  const match = /^(?:\[([^\]]+)\]|([^/[\]]+))(?:\/(\d{1,3}))?$/.exec(t);
  const address = match?.[1] ?? match?.[2] ?? '';
  const family = isIP(address);
  const bits = match?.[3] === undefined ? (family === 6 ? 128 : 32) : Number(match[3]);
  if (family === 0 || bits > (family === 6 ? 128 : 32))
    throw new Problem(`wants a network like "192.0.2.0/24" or "[2001:db8::]/32", not ${quote(t)}`);
  return t;
});

/** A table of strings. In the environment: `name=value,name=value`. */
export const table: SettingType<Readonly<Record<string, string>>> = {
  name: 'table of strings',
  parse(value) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem(`wants a table, not ${describe(value)}`);
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asText(entry)]));
  },
  fromText: (t) => Object.fromEntries(splitList(t).map((pair) => [pair.split('=')[0]!.trim(), pair.slice(pair.indexOf('=') + 1).trim()])),
  format: (value) =>
    `{ ${Object.entries(value)
      .map(([key, entry]) => `${quote(key)} = ${quote(entry)}`)
      .join(', ')} }`.replace('{  }', '{}'),
};

/** A certificate for one name that clients ask for. */
export interface SniCertificate {
  readonly name: string;
  readonly certificate: string;
  /** '' when the key is in the same file. */
  readonly key: string;
}

/** Each `{ name = "…", certificate = "…", key = "…" }`; in the environment `name=certificate:key`. */
export const sniCertificates: SettingType<readonly SniCertificate[]> = {
  name: 'list of { name, certificate, key }',
  parse(value) {
    if (!Array.isArray(value)) throw new Problem(`wants a list of { name, certificate, key }, not ${describe(value)}`);
    return value.map((entry: unknown) => {
      const {
        name,
        certificate,
        key = '',
        ...more
      } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
      if (typeof name !== 'string' || typeof certificate !== 'string' || typeof key !== 'string' || Object.keys(more).length > 0) {
        throw new Problem('wants { name = "mail.example.org", certificate = "/path.pem", key = "/path.key" } for each');
      }
      return { name: name.toLowerCase(), certificate, key };
    });
  },
  fromText: (t) =>
    splitList(t).map((entry) => {
      const [name = '', files = ''] = entry.split('=');
      const [certificate = '', key = ''] = files.split(':');
      return { name, certificate, key };
    }),
  format: (value) =>
    `[${value.map((c) => `{ name = ${quote(c.name)}, certificate = ${quote(c.certificate)}${c.key === '' ? '' : `, key = ${quote(c.key)}`} }`).join(', ')}]`,
};
