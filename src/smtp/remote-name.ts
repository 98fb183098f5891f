import type { Dns } from '../net/dns.ts';
import { isLoopback } from '../net/networks.ts';
import { isDomain } from './grammar/domain.ts';

/** What DNS calls a client. */
export interface RemoteName {
  /** Reverse name that leads back to the address, `unknown` where none does. */
  readonly verified: string;
  /** Reverse name, confirmed or not. */
  readonly reverse: string | null;
}

const unknown: RemoteName = { verified: 'unknown', reverse: null };

/** Reverse name, confirmed forwards; never longer than `patience` milliseconds and never a failure. RFC 8501 */
export async function remoteName(address: string, dns: Dns | null, patience = 3000): Promise<RemoteName> {
  if (isLoopback(address)) return { verified: 'localhost', reverse: 'localhost' };
  if (dns === null) return unknown;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<RemoteName>((resolve) => {
    timer = setTimeout(() => resolve(unknown), patience);
    timer.unref();
  });
  try {
    return await Promise.race([lookUp(address, dns), late]);
  } catch {
    return unknown;
  } finally {
    clearTimeout(timer);
  }
}

async function lookUp(address: string, dns: Dns): Promise<RemoteName> {
  const { records } = await dns.ptr(address);
  // Whoever owns the address writes the name: it may hold anything.
  const reverse = records
    .map((name) => name.toLowerCase().replace(/\.$/, ''))
    .find((name) => /^[\x21-\x7e]+$/.test(name) && isDomain(name));
  if (reverse === undefined) return unknown;
  const forward = address.includes(':') ? await dns.aaaa(reverse) : await dns.a(reverse);
  return { verified: forward.records.includes(address) ? reverse : 'unknown', reverse };
}
