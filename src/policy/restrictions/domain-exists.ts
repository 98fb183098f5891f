import type { Address } from '../../mail/address.ts';
import { addressLiteral } from '../../smtp/grammar/domain.ts';
import { refusal } from '../refusal.ts';
import type { PolicyDeps, Verdict } from '../restriction.ts';
import type { Subject } from '../subject.ts';

/** Whether mail could be sent to a domain that is not ours. RFC 5321 5.1, null MX RFC 7505 4 */
export async function domainVerdict(
  path: Address | null,
  about: 'sender' | 'recipient',
  detail: string,
  subject: Subject,
  { directory, dns }: PolicyDeps,
): Promise<Verdict> {
  if (path === null || path.domain === '' || addressLiteral(path.domain) !== null) return null;
  if ((await directory.domain(path.domain)) !== null) return null;
  const { records } = await dns!.mx(path.domain);
  if (records.some(({ exchange }) => exchange === '')) {
    const nullMx = about === 'sender' ? '7.27' : '1.10';
    return refusal(550, nullMx, about, subject, `Domain ${path.domain} does not accept mail (nullMX)`);
  }
  if (records.length > 0) return null;
  const [a, aaaa] = await Promise.all([dns!.a(path.domain), dns!.aaaa(path.domain)]);
  return a.records.length + aaaa.records.length > 0 ? null : refusal(450, detail, about, subject, 'Domain not found');
}
