import { Fault } from '../mail/fault.ts';
import type { PasswordScheme } from './scheme.ts';
import { schemes } from './schemes/index.ts';

export type Encoding = 'b64' | 'hex';

export interface NamedScheme {
  readonly scheme: PasswordScheme;
  /** As asked for by `.b64` or `.hex`; null = as the scheme has it. */
  readonly encoding: Encoding | null;
}

/** `SSHA256`, `sha512.hex`, `ARGON2`. @throws Fault unsupported */
export function findScheme(text: string): NamedScheme {
  const match = /^([A-Z0-9-]+?)(?:\.(b64|base64|hex))?$/i.exec(text);
  const name = match?.[1]?.toUpperCase();
  const scheme = schemes.find((one) => one.name === name || one.aliases?.includes(name ?? ''));
  if (scheme === undefined) throw new Fault('unsupported', `unknown password scheme ${JSON.stringify(text)}`);
  const suffix = match?.[2]?.toLowerCase();
  return { scheme, encoding: suffix === undefined ? null : suffix === 'hex' ? 'hex' : 'b64' };
}

/**
 * Which scheme a stored password is in: what `{SCHEME}` says, else what its shape says, else the default.
 * A bare 13-character text is DES only where the default is no plain text.
 * @throws Fault unsupported
 */
export function recognise(text: string, defaultScheme: string): NamedScheme & { readonly hash: string } {
  // A line pasted into a row may bring its end along.
  const stored = text.replace(/[\r\n]+$/, '');
  const prefixed = /^\{([^}]{1,32})\}(.*)$/s.exec(stored);
  if (prefixed !== null) return { ...findScheme(prefixed[1]!), hash: prefixed[2]! };
  const fallback = findScheme(defaultScheme);
  const byShape = schemes.find((one) => one.looksLike?.test(stored) && (stored.startsWith('$') || fallback.scheme.name !== 'PLAIN'));
  return byShape === undefined ? { ...fallback, hash: stored } : { scheme: byShape, encoding: null, hash: stored };
}

/** @throws Fault unsupported (scheme, or more work than is allowed) */
export async function verifyPassword(password: string, stored: string, defaultScheme: string, address = ''): Promise<boolean> {
  // An empty field would match an empty password in some schemes; a NUL ends the text for crypt(3).
  if (stored === '' || password.includes('\0')) return false;
  const { scheme, encoding, hash } = recognise(stored, defaultScheme);
  return scheme.verify(password, decoded(scheme, encoding, hash), address);
}

/** @returns `{SCHEME}hash`. @throws Fault unsupported */
export async function hashPassword(password: string, schemeName: string, address = ''): Promise<string> {
  const { scheme, encoding } = findScheme(schemeName);
  const hash = await scheme.hash(password, address);
  return `{${schemeName.toUpperCase()}}${encoded(scheme, encoding, hash)}`;
}

/** What a suffix wraps is a digest itself, or the text of any other scheme. */
function decoded(scheme: PasswordScheme, encoding: Encoding | null, text: string): string {
  if (encoding === null) return text;
  const octets = Buffer.from(text, encoding === 'hex' ? 'hex' : 'base64');
  return scheme.digest === undefined ? octets.toString() : octets.toString('base64');
}

function encoded(scheme: PasswordScheme, encoding: Encoding | null, text: string): string {
  if (encoding === null) return text;
  const isHex = scheme.digest !== undefined && text.length === scheme.digest * 2 && /^[0-9a-f]+$/.test(text);
  const octets = scheme.digest === undefined ? Buffer.from(text) : Buffer.from(text, isHex ? 'hex' : 'base64');
  return octets.toString(encoding === 'hex' ? 'hex' : 'base64');
}
