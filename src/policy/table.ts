import { readFileSync } from 'node:fs';
import { type Networks, networks } from '../net/networks.ts';

/** A lookup table: `inline:{a=OK, b=REJECT}`, a text file of `key action` lines, or networks with an action each. */
export interface Table {
  lookup(key: string): string | null;
  /** By address, for `cidr:` tables. */
  lookupAddress(address: string): string | null;
  readonly actions: readonly string[];
}

/**
 * `inline:{…}`, `texthash:/file`, `hash:/file` (its text source), `cidr:/file`. Read once; a reload reads again.
 * @throws RangeError saying what is wrong
 */
export function openTable(spec: string): Table {
  const colon = spec.indexOf(':');
  const type = spec.slice(0, colon);
  const rest = spec.slice(colon + 1);
  if (type === 'inline') return keyed(inline(rest));
  if (['texthash', 'hash', 'btree', 'lmdb'].includes(type)) return keyed(lines(rest));
  if (type === 'cidr') return ranged(lines(rest));
  throw new RangeError(`"${spec}" is no table; write inline:{key=action, …}, texthash:/path or cidr:/path`);
}

function keyed(rows: readonly (readonly [string, string])[]): Table {
  const map = new Map(rows.map(([key, action]) => [key.toLowerCase(), action]));
  return { lookup: (key) => map.get(key.toLowerCase()) ?? null, lookupAddress: () => null, actions: [...map.values()] };
}

function ranged(rows: readonly (readonly [string, string])[]): Table {
  const rules: readonly (readonly [Networks, string])[] = rows.map(([network, action]) => [networks([network]), action]);
  return {
    lookup: () => null,
    lookupAddress: (address) => rules.find(([network]) => network.includes(address))?.[1] ?? null,
    actions: rules.map(([, action]) => action),
  };
}

function inline(text: string): [string, string][] {
  const body = /^\{(.*)\}$/s.exec(text.trim())?.[1];
  if (body === undefined) throw new RangeError('inline: takes {key=action, …}');
  return body
    .split(',')
    .map((item) =>
      item
        .trim()
        .replace(/^\{(.*)\}$/s, '$1')
        .trim(),
    )
    .filter((item) => item !== '')
    .map((item) => {
      const [, key, action] = /^(\S+?)\s*=\s*(.+)$/s.exec(item) ?? [];
      if (key === undefined || action === undefined) throw new RangeError(`"${item}" is not key=action`);
      return [key, action.trim()];
    });
}

/** A line that starts with white space goes on the one before; `#` starts a comment line. */
function lines(path: string): [string, string][] {
  const joined: string[] = [];
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (/^\s/.test(line) && joined.length > 0) joined[joined.length - 1] += ` ${line.trim()}`;
    else joined.push(line.trim());
  }
  return joined.map((line) => {
    const [, key, action] = /^(\S+)\s+(.+)$/.exec(line) ?? [];
    if (key === undefined || action === undefined) throw new RangeError(`${path}: "${line}" is not "key action"`);
    return [key, action];
  });
}
