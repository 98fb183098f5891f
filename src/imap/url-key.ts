import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { MailboxId } from '../mail/numbers.ts';
import type { AccountStore } from '../store/store.ts';

/** The key lies among the mailbox's entries under a user that nobody can be. */
const keeper = '\0urlauth';
const entry = '/key';

/** The mailbox access key, null where none was made. RFC 4467 2 */
export function urlKey(mail: AccountStore, id: MailboxId): Uint8Array | null {
  return mail.metadata(id).find(({ user }) => user === keeper)?.value ?? null;
}

export async function newUrlKey(mail: AccountStore, id: MailboxId): Promise<Uint8Array> {
  const value = randomBytes(32);
  await mail.setMetadata(id, [{ user: keeper, entry, value }]);
  return value;
}

/** Every URL made with it is void. RFC 4467 5 */
export async function forgetUrlKey(mail: AccountStore, id: MailboxId): Promise<void> {
  if (urlKey(mail, id) !== null) await mail.setMetadata(id, [{ user: keeper, entry, value: null }]);
}

/** What makes a URL good; the first octet says how it was made. RFC 4467 3 */
export function urlToken(key: Uint8Array, rump: string): string {
  return `01${createHmac('sha256', key).update(rump, 'latin1').digest('hex')}`;
}

export function isUrlToken(key: Uint8Array, rump: string, token: string): boolean {
  const [wanted, given] = [Buffer.from(urlToken(key, rump)), Buffer.from(token)];
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}
