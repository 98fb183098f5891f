import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chownSync, createReadStream, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { addressList } from '../mail/header/addresses.ts';
import { firstField, splitHeader } from '../mail/header/fields.ts';
import { CrlfWriter } from '../mail/line-ends.ts';
import type { NewQueued } from '../queue/queue.ts';

/** One signing key of a domain: `<dir>/<domain>/<selector>.pem`. */
export interface DkimKey {
  readonly domain: string;
  readonly selector: string;
  readonly type: 'rsa' | 'ed25519';
  /** PEM. */
  readonly privateKey: string;
}

const domainName = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?$/;
const selectorName = /^[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?$/;

/** Keys of a domain, all of which sign. */
export function keysOf(dir: string, domain: string): DkimKey[] {
  if (!domainName.test(domain) || domain.includes('..')) return [];
  let names: string[];
  try {
    names = readdirSync(join(dir, domain)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => {
    const selector = name.endsWith('.pem') ? name.slice(0, -4) : '';
    if (!selectorName.test(selector)) return [];
    const privateKey = readFileSync(join(dir, domain, name), 'utf8');
    return [
      { domain, selector, privateKey, type: createPublicKey(privateKey).asymmetricKeyType === 'ed25519' ? 'ed25519' : 'rsa' } as const,
    ];
  });
}

/** Makes a key. RSA has 2,048 bits, which everyone verifies; Ed25519 is smaller and newer. RFC 8301, RFC 8463 @throws Error EEXIST */
export function makeKey(dir: string, domain: string, selector: string, type: DkimKey['type']): DkimKey {
  if (!domainName.test(domain) || !selectorName.test(selector)) throw new Error(`no domain and selector: ${domain} ${selector}`);
  const options = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } } as const;
  const { privateKey } =
    type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048, ...options }) : generateKeyPairSync('ed25519', options);
  mkdirSync(join(dir, domain), { recursive: true, mode: 0o700 });
  const path = join(dir, domain, `${selector}.pem`);
  writeFileSync(path, privateKey, { mode: 0o600, flag: 'wx' });
  // Made by root, read by the server under its own name.
  if (process.getuid?.() === 0) {
    const { uid, gid } = statSync(dirname(dir));
    for (const made of [dir, join(dir, domain), path]) chownSync(made, uid, gid);
  }
  return { domain, selector, type, privateKey };
}

export function removeKey(dir: string, domain: string, selector: string): void {
  rmSync(join(dir, domain, `${selector}.pem`));
}

/** Text of the TXT record at `<selector>._domainkey.<domain>`. RFC 6376 3.6.1, RFC 8463 4 */
export function dkimRecord({ type, privateKey }: DkimKey): string {
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  // Ed25519: the 32 octets of the key itself.
  return `v=DKIM1; k=${type}; p=${(type === 'ed25519' ? der.subarray(-32) : der).toString('base64')}`;
}

/** Signs for the domain of the From field, or the nearest parent of it that has keys; keys are read again when they change. */
export class DkimSigner {
  readonly #dir: string;
  readonly #now: () => number;
  #kept = new Map<string, { readonly keys: DkimKey[]; readonly until: number }>();

  constructor(dir: string, now: () => number) {
    this.#dir = dir;
    this.#now = now;
  }

  #keys(domain: string): DkimKey[] {
    const now = this.#now();
    const kept = this.#kept.get(domain);
    if (kept !== undefined && kept.until > now) return kept.keys;
    if (this.#kept.size > 10_000) this.#kept.clear();
    const keys = keysOf(this.#dir, domain);
    this.#kept.set(domain, { keys, until: now + 5_000 });
    return keys;
  }

  /** @returns DKIM-Signature fields with LF line ends, '' where no key fits */
  async sign({ message, prefix }: Pick<NewQueued, 'message' | 'prefix'>): Promise<string> {
    const head = await headOf(message, prefix);
    const keys = this.#keysFor(fromDomain(head));
    if (keys.length === 0) return '';
    // Loaded when first needed: it is large.
    const { dkimSign } = await import('mailauth/lib/dkim/sign.js');
    const { signatures, errors } = await dkimSign(Readable.from(crlf(message, prefix)), {
      canonicalization: 'relaxed/relaxed',
      signTime: new Date(this.#now()),
      // The first stands for options that are not used beside signatureData, but must be there.
      signingDomain: keys[0]!.domain,
      selector: keys[0]!.selector,
      privateKey: keys[0]!.privateKey,
      signatureData: keys.map(({ domain, selector, privateKey }) => ({ signingDomain: domain, selector, privateKey })),
    });
    if (signatures === '' && errors.length > 0) throw new Error(String(errors[0]?.err?.message ?? 'no signature'));
    return signatures.replaceAll('\r\n', '\n');
  }

  #keysFor(domain: string | null): DkimKey[] {
    for (let name = domain; name?.includes('.'); name = name.slice(name.indexOf('.') + 1)) {
      const keys = this.#keys(name);
      if (keys.length > 0) return keys;
    }
    return [];
  }
}

async function* crlf(message: NewQueued['message'], prefix: Uint8Array | undefined): AsyncGenerator<Buffer> {
  const writer = new CrlfWriter();
  for await (const chunk of octets(message, prefix)) yield writer.write(chunk);
}

async function* octets(message: NewQueued['message'], prefix: Uint8Array | undefined): AsyncGenerator<Buffer> {
  if (prefix !== undefined) yield Buffer.from(prefix.buffer, prefix.byteOffset, prefix.length);
  for (const chunk of message.chunks) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  if (message.file !== null) yield* createReadStream(message.file) as AsyncIterable<Buffer>;
}

async function headOf(message: NewQueued['message'], prefix: Uint8Array | undefined): Promise<string> {
  let text = '';
  for await (const chunk of octets(message, prefix)) {
    text += chunk.toString('latin1', 0, 256 << 10);
    if (text.includes('\n\n') || text.length > 256 << 10) break;
  }
  return text;
}

/** Only where there is one author: signing for one of several says nothing of the others. */
function fromDomain(head: string): string | null {
  const value = firstField(head, splitHeader(head), 'from');
  const domains = value === null ? [] : addressList(value).map(({ domain }) => domain?.toLowerCase() ?? '');
  return new Set(domains).size === 1 ? domains[0]! : null;
}
