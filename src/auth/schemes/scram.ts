import { createHmac, hash as digest, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { Fault } from '../../mail/fault.ts';
import type { PasswordScheme } from '../scheme.ts';
import { sameOctets } from './crypt64.ts';

export type ScramAlgorithm = 'sha1' | 'sha256' | 'sha512';

/** What a server keeps of a password. RFC 5802 3 */
export interface ScramKeys {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const sizes: Record<ScramAlgorithm, number> = { sha1: 20, sha256: 32, sha512: 64 };
/** RFC 7677 4 */
const defaultIterations = 4096;
const maxIterations = 5_000_000;

/** SASLprep without its tables: compatibility forms composed, odd spaces plain. RFC 4013 2.1, 2.2 */
export function prepare(password: string): string {
  return password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, '')
    .normalize('NFKC');
}

const derive = promisify(pbkdf2);

/** RFC 5802 3 */
export async function scramKeys(algorithm: ScramAlgorithm, password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
  const salted = await derive(prepare(password), salt, iterations, sizes[algorithm], algorithm);
  const key = (text: string): Buffer => createHmac(algorithm, salted).update(text).digest();
  return { iterations, salt, storedKey: digest(algorithm, key('Client Key'), 'buffer'), serverKey: key('Server Key') };
}

/** `iterations,salt,storedKey,serverKey`, base64: Dovecot's form. null where it is not that. @throws Fault unsupported */
export function parseScram(algorithm: ScramAlgorithm, text: string): ScramKeys | null {
  const match = /^(\d{1,9}),([A-Za-z0-9+/]+=*),([A-Za-z0-9+/]+=*),([A-Za-z0-9+/]+=*)$/.exec(text);
  if (match === null) return null;
  const iterations = Number(match[1]);
  if (iterations < 1 || iterations > maxIterations) throw new Fault('unsupported', `SCRAM with ${iterations} iterations`);
  const [salt, storedKey, serverKey] = [match[2]!, match[3]!, match[4]!].map((part) => Buffer.from(part, 'base64')) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  if (storedKey.length !== sizes[algorithm] || serverKey.length !== sizes[algorithm]) return null;
  return { iterations, salt, storedKey, serverKey };
}

function scheme(name: string, algorithm: ScramAlgorithm): PasswordScheme {
  return {
    name,
    looksLike: null,
    weak: false,
    async verify(password, hash) {
      const keys = parseScram(algorithm, hash);
      if (keys === null) return false;
      return sameOctets(keys.storedKey, (await scramKeys(algorithm, password, keys.salt, keys.iterations)).storedKey);
    },
    async hash(password) {
      const { iterations, salt, storedKey, serverKey } = await scramKeys(algorithm, password, randomBytes(16), defaultIterations);
      return [iterations, ...[salt, storedKey, serverKey].map((part) => part.toString('base64'))].join(',');
    },
  };
}

export const scramSha1 = scheme('SCRAM-SHA-1', 'sha1');
export const scramSha256 = scheme('SCRAM-SHA-256', 'sha256');
export const scramSha512 = scheme('SCRAM-SHA-512', 'sha512');
